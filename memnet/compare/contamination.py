"""Has a model seen the pictures it is tested on? One word per model and data set."""

from __future__ import annotations

from collections.abc import Collection

KNOWN_DATASETS = {
    "lamem": "LaMem (Khosla et al. 2015)",
    "memcat": "MemCat (Goetschalckx & Wagemans 2019)",
    "lamem+memcat": "the mixture of Needell & Bainbridge (2022)",
    "scenes375": "375 scene pictures (Rim et al., image set 1)",
}
"""Data sets by the name that ``--dataset`` takes, with what they are."""

MEANINGS = {
    "contaminated": "the model was trained on this data set: the figure is no generalisation",
    "possibly": "the data set is not one that memnet knows, so overlap cannot be ruled out",
    "clean": "the data set is not among those the model was trained on",
    "unknown": "the data set was not named, or the model's training data are not known",
}
"""The four words and what they claim. They speak of data sets, not of single pictures."""


def contamination(trained_on: Collection[str] | None, dataset: str) -> str:
    """Say whether a model trained on some data sets may be tested on ``dataset``.

    Parameters
    ----------
    trained_on : names of its training sets; None where nobody knows.
    dataset : name of the test set, "" where the user did not say.

    Returns
    -------
    str
        a key of :data:`MEANINGS`.
    """
    if not dataset or trained_on is None:
        return "unknown"
    parts = {dataset.lower(), *dataset.lower().split("+")}  # of a mixture one part is enough
    if parts & set(trained_on):
        return "contaminated"
    return "clean" if dataset.lower() in KNOWN_DATASETS else "possibly"
