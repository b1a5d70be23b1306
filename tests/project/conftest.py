from __future__ import annotations

from unittest import mock

import pytest

import memnet.scoring.predictor  # noqa: F401  # the package's own networks are registered first
from memnet.weights import networks


@pytest.fixture(autouse=True)
def _the_networks_that_examples_register_are_forgotten():
    with mock.patch.dict(networks._registered):
        yield
