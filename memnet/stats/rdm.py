"""Representational dissimilarity matrices (RDMs): how unlike two pictures are to a layer.

An RDM has a number for every two pictures, how far apart their features are. It is kept as SciPy's
``pdist`` and rsatoolbox keep it: the upper triangle row by row, ``(N (N - 1) / 2,)``;
``scipy.spatial.distance.squareform`` makes the matrix of it. What is done with two of them is in
:mod:`.rdm_comparison`.

Source: Kriegeskorte, Mur & Bandettini (2008), Frontiers in Systems Neuroscience 2, 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.spatial.distance import num_obs_y, pdist, squareform

from memnet.errors import MemnetError, unknown_name
from memnet.util.arrays import AnyArray, Array

DISTANCES = {
    "correlation": "1 minus Pearson's correlation",
    "cosine": "1 minus the cosine of the angle",
    "euclidean": "Euclidean distance",
    "mean-squared": "mean squared difference, which rsatoolbox calls euclidean",
}
"""The distances between two pictures' features -> what each is.

The Euclidean distance is that of textbooks and of SciPy, the root of the sum of squared
differences. rsatoolbox's ``"euclidean"`` takes no root and divides by the number of features; that
is ``"mean-squared"``. Both put pairs of pictures in the same order, so Spearman's rho and Kendall's
tau of two RDMs are the same with either.
"""

_NUMBERS_AT_ONCE = 8_000_000  # 64 MB of float64, whatever the number of features
_ROUNDING = 1e-13  # of the mean: a row that varies less is constant, as in SciPy's pearsonr


def compute_rdm(features: AnyArray, distance: str = "correlation") -> Array:
    """Compute the RDM of pictures.

    Parameters
    ----------
    features : ``(N, P)``, a row per picture, finite; of any type of number. It is read in blocks of
        features, so that an array of float32 (or one on disk) is never copied whole.
    distance : a key of :data:`DISTANCES`.

    Returns
    -------
    float64 array ``(N (N - 1) / 2,)``
        NaN where it is undefined: under ``"correlation"`` for a picture whose features are all the
        same, under ``"cosine"`` for one whose features are all 0; see :func:`undefined_pictures`.

    Raises
    ------
    MemnetError
        if there is no such distance, or the features are no table of finite numbers of two
        pictures or more.

    Examples
    --------
    >>> features = np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0], [0.0, 2.0, 4.0]])
    >>> compute_rdm(features).round(3).tolist()
    [2.0, 0.0, 2.0]
    >>> compute_rdm(features, "euclidean").round(3).tolist()
    [2.828, 2.236, 4.583]
    """
    if distance not in DISTANCES:
        raise unknown_name("distance", distance, DISTANCES)
    features = np.asarray(features)
    if features.ndim != 2 or len(features) < 2 or not features.shape[1]:
        raise MemnetError(
            f"An RDM needs a table of two pictures or more by features; this one is of shape "
            f"{features.shape}."
        )
    finite = np.isfinite(features)
    if not finite.all():
        rows = np.flatnonzero(~finite.all(axis=1))
        raise MemnetError(
            f"An RDM needs finite numbers; {len(rows):,} of {len(features):,} pictures have others "
            f"among their features, the first in row {rows[0]}."
        )
    if distance in ("correlation", "cosine"):
        return _angles(features, centred=distance == "correlation")
    squares: Array = np.zeros(len(features) * (len(features) - 1) // 2)
    for block in _blocks(features):
        squares += pdist(block, "sqeuclidean")
    if distance == "euclidean":
        squares = np.sqrt(squares)
    else:
        squares /= features.shape[1]
    return squares


def pictures_of(rdm: Array) -> int:
    """Return of how many pictures an RDM is.

    Raises
    ------
    MemnetError
        if no number of pictures has as many pairs.

    Examples
    --------
    >>> pictures_of(np.zeros(6))
    4
    """
    try:
        return int(num_obs_y(rdm))
    except ValueError:
        raise MemnetError(
            f"{np.size(rdm):,} numbers are no RDM: of N pictures it has N (N - 1) / 2."
        ) from None


def undefined_pictures(rdm: Array) -> Any:
    """Return which pictures have no defined dissimilarity to any other, bool ``(N,)``.

    Examples
    --------
    >>> undefined_pictures(compute_rdm(np.array([[0.0, 1.0], [3.0, 3.0], [1.0, 0.0]]))).tolist()
    [False, True, False]
    """
    square = squareform(np.isnan(rdm), checks=False)
    np.fill_diagonal(square, True)
    return square.all(axis=1)


def subset_rdm(rdm: Array, pictures: Any) -> Array:
    """Return the RDM of some of the pictures, in a given order.

    Parameters
    ----------
    rdm : ``(N (N - 1) / 2,)``.
    pictures : int ``(M,)``, their places, each once.

    Examples
    --------
    >>> subset_rdm(np.array([0.1, 0.2, 0.3]), [2, 0]).tolist()
    [0.2]
    """
    square = squareform(rdm, checks=False)
    subset: Array = squareform(square[np.ix_(pictures, pictures)], checks=False)
    return subset


def _blocks(features: AnyArray) -> Iterator[Array]:
    """Yield the features as float64 ``(N, some)``, so many at a time as memory has room for."""
    width = max(1, _NUMBERS_AT_ONCE // len(features))
    for start in range(0, features.shape[1], width):
        yield features[:, start : start + width].astype(np.float64)


def _angles(features: AnyArray, *, centred: bool) -> Array:
    """1 minus the cosine of the angle between every two rows, or two rows' deviations."""
    centre = np.zeros((len(features), 1))
    if centred:
        centre = features.mean(axis=1, dtype=np.float64, keepdims=True)
    products = np.zeros((len(features), len(features)))
    for block in _blocks(features):
        block -= centre
        products += block @ block.T
    length = np.sqrt(np.diag(products))
    length[length <= _ROUNDING * np.abs(centre[:, 0]) * np.sqrt(features.shape[1])] = np.nan
    cosines = np.clip(products / np.outer(length, length), -1, 1)
    distances: Array = squareform(1 - cosines, checks=False)
    return distances
