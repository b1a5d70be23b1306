"""Decoders that are lost are replaced; what they were at is said to have failed."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

import worker_faults
from live_server import tiny_settings
from memnet.errors import PictureError
from memnet.web.decoding import Decoders


@pytest.fixture
def decoders(weights):
    decoders = Decoders((), tiny_settings(weights))
    yield decoders
    decoders.stop()


def test_a_crash_costs_one_picture_and_one_process(decoders):
    async def run() -> None:
        before = await decoders.run(worker_faults.process_id)
        with pytest.raises(PictureError, match="ended its decoder"):
            await decoders.run(worker_faults.crash)
        assert await decoders.run(worker_faults.process_id) != before

    asyncio.run(run())


def test_what_a_function_raises_comes_back(decoders):
    with pytest.raises(ValueError, match="a fault"):
        asyncio.run(decoders.run(worker_faults.fail))


def test_decoders_that_were_ended_while_idle_are_started_again(decoders):
    async def run() -> None:
        process = await decoders.run(worker_faults.process_id)
        os.kill(process, signal.SIGKILL)
        time.sleep(0.5)
        assert await decoders.run(worker_faults.process_id) != process

    asyncio.run(run())
