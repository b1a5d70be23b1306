"""Ridge regression whose penalty is chosen by nested cross-validation.

Sources
-------
Hoerl & Kennard (1970), Technometrics 12, 55-67 (the estimate); Varma & Simon (2006), BMC
Bioinformatics 7, 91 (why a penalty that was chosen on pictures flatters the error on them, and the
nested design that does not).

Every fit standardises the features by the mean and standard deviation of the pictures that it is
fitted to. The intercept is not penalised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy import linalg

from memnet.errors import MemnetError
from memnet.util.arrays import Array

_CONSTANT = 1e-6
"""A feature that varies by less than this share of its mean is rounding, and gets no weight."""


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """A fitted regression, in the features' own units.

    Attributes
    ----------
    weights : float64 ``(P,)``.
    intercept : the prediction where every feature is 0.
    penalty : that it was fitted with.
    """

    weights: Array
    intercept: float
    penalty: float

    def predict(self, features: Array) -> Array:
        """Predict ``(M,)`` scores from features ``(M, P)``."""
        predicted: Array = np.asarray(features, dtype=np.float64) @ self.weights + self.intercept
        return predicted


@dataclass(frozen=True, kw_only=True)
class NestedRidge:
    """Ridge regression with an honest error.

    Attributes
    ----------
    ridge : fitted to all pictures, at the penalty of the lowest mean squared error over the folds.
    held_out : float64 ``(N,)``, each picture's prediction by a regression that saw nothing of its
        fold, neither for its weights nor for its penalty.
    fold_penalties : the penalty that the other folds chose, by fold.
    penalties : ``(A,)``, those tried.
    path : float64 ``(N, A)``, each picture's prediction by the other folds at each penalty. The
        best column in hindsight flatters: its penalty was chosen on the very pictures.
    """

    ridge: Ridge
    held_out: Array
    fold_penalties: tuple[float, ...]
    penalties: Array
    path: Array


def usual_penalties(features: int) -> Array:
    """Return the penalties that are tried: 1e-4 to 1e4 times the number of features.

    With standardised features that are uncorrelated, the best one is the number of features times
    the variance that they leave over the variance that they explain.

    >>> [float(round(each, 4)) for each in usual_penalties(2)[[0, 16, 32]]]
    [0.0002, 2.0, 20000.0]
    """
    penalties: Array = features * np.logspace(-4, 4, 33)
    return penalties


def fit_ridge(features: Array, truth: Array, penalty: float) -> Ridge:
    """Fit one ridge regression.

    It minimises ``sum((truth - intercept - z @ w) ** 2) + penalty * sum(w ** 2)``, with ``z`` the
    standardised features: what scikit-learn's ``Ridge(alpha=penalty)`` does behind a
    ``StandardScaler``.

    Parameters
    ----------
    features, truth : ``(N, P)`` and ``(N,)``, finite.
    penalty : above 0.

    Examples
    --------
    >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0])
    >>> ridge = fit_ridge(x, y, 3.0)  # as heavy as the three pictures: half the slope
    >>> [round(float(each), 6) for each in ridge.predict(x)]
    [2.0, 3.0, 4.0]
    """
    x, centre, scale = _standardised(features)
    y = truth - truth.mean()
    if x.shape[1] <= len(x):
        weights = linalg.solve(_plus(x.T @ x, penalty), x.T @ y, assume_a="pos")
    else:
        weights = x.T @ linalg.solve(_plus(x @ x.T, penalty), y, assume_a="pos")
    return _unstandardised(weights, centre, scale, float(truth.mean()), penalty)


def ridge_path(features: Array, truth: Array, penalties: Array, new: Array) -> Array:
    """Predict new pictures at every penalty, from one decomposition.

    Parameters
    ----------
    features, truth : ``(N, P)`` and ``(N,)``.
    penalties : ``(A,)``, above 0.
    new : ``(M, P)``.

    Returns
    -------
    float64 array ``(M, A)``.

    Examples
    --------
    >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0])
    >>> ridge_path(x, y, np.array([3.0, 1e9]), np.array([[4.0]])).round(3).tolist()
    [[6.0, 3.0]]
    """
    x, centre, scale = _standardised(features)
    y = truth - truth.mean()
    shrink = np.asarray(penalties, dtype=np.float64)
    if x.shape[1] <= len(x):
        values, vectors = linalg.eigh(x.T @ x, driver="evd", check_finite=False)
        weights = vectors @ ((vectors.T @ (x.T @ y))[:, None] / _shrunk(values, shrink))
    else:
        values, vectors = linalg.eigh(x @ x.T, driver="evd", check_finite=False)
        weights = x.T @ (vectors @ ((vectors.T @ y)[:, None] / _shrunk(values, shrink)))
    predicted: Array = ((new - centre) / scale) @ weights + truth.mean()
    return predicted


def nested_ridge(
    features: Array, truth: Array, folds: Any, penalties: Array | None = None
) -> NestedRidge:
    """Fit ridge regression and say honestly how well it predicts.

    For each fold the other folds choose the penalty, each predicted by the rest of them, and
    then predict the fold. The penalty of the regression that is kept is chosen likewise by all
    folds. Where a fold is a category, the penalty is chosen for new categories, too.

    Parameters
    ----------
    features, truth : ``(N, P)`` and float64 ``(N,)``, finite.
    folds : int ``(N,)``, each picture's fold, 0 to K - 1; K is 3 or more.
    penalties : ``(A,)``; None for :func:`usual_penalties`.

    Raises
    ------
    MemnetError
        if there are fewer than three folds, or a fold is empty.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> x = random.normal(size=(60, 5))
    >>> nested = nested_ridge(x, x[:, 0] + random.normal(size=60), np.arange(60) % 5)
    >>> nested.held_out.shape, len(nested.fold_penalties)
    ((60,), 5)
    """
    folds = np.asarray(folds)
    count = int(folds.max()) + 1
    if count < 3 or len(np.unique(folds)) != count:
        raise MemnetError(
            f"Nested cross-validation needs three folds or more, none of them empty; here are "
            f"{len(np.unique(folds))}."
        )
    tried = usual_penalties(features.shape[1]) if penalties is None else np.asarray(penalties)
    errors = np.zeros((count, len(tried)))  # of the inner folds, summed, by outer fold
    for pair in combinations(range(count), 2):  # without the two, for the two: each pair once
        out = np.isin(folds, pair)
        path = ridge_path(features[~out], truth[~out], tried, features[out])
        squared = (path - truth[out, None]) ** 2
        for outer, inner in (pair, pair[::-1]):
            errors[outer] += squared[folds[out] == inner].sum(axis=0)
    path = np.empty((len(truth), len(tried)))
    held_out = np.empty(len(truth))
    chosen = errors.argmin(axis=1)
    for fold in range(count):
        rows = folds == fold
        path[rows] = ridge_path(features[~rows], truth[~rows], tried, features[rows])
        held_out[rows] = path[rows, chosen[fold]]
    best = int(((path - truth[:, None]) ** 2).sum(axis=0).argmin())
    return NestedRidge(
        ridge=fit_ridge(features, truth, float(tried[best])),
        held_out=held_out,
        fold_penalties=tuple(float(tried[place]) for place in chosen),
        penalties=tried,
        path=path,
    )


def held_out_at(
    features: Array, truth: Array, folds: Any, penalties: Sequence[float], rows: Any
) -> Array:
    """Predict every picture by the other folds, fitted to some of their pictures only.

    Parameters
    ----------
    features, truth, folds : as for :func:`nested_ridge`.
    penalties : by fold; the best penalty does not depend on the number of pictures.
    rows : bool ``(N,)``, the pictures that may be fitted to.

    Returns
    -------
    float64 array ``(N,)``
        NaN where fewer than two pictures are left to fit to.
    """
    predicted = np.full(len(truth), np.nan)
    for fold, penalty in enumerate(penalties):
        inside = folds == fold
        train = rows & ~inside
        if train.sum() > 1:
            ridge = fit_ridge(features[train], truth[train], penalty)
            predicted[inside] = ridge.predict(features[inside])
    return predicted


def _standardised(features: Array) -> tuple[Array, Array, Array]:
    """Return standardised features, and what was subtracted and divided by."""
    x = np.array(features, dtype=np.float64)
    centre = x.mean(axis=0)
    x -= centre
    scale = np.sqrt(np.einsum("np,np->p", x, x) / len(x))
    constant = scale <= _CONSTANT * np.abs(centre)
    x[:, constant] = 0.0
    scale[constant] = np.inf  # no weight, whatever the new pictures have there
    x /= scale
    return x, centre, scale


def _unstandardised(
    weights: Array, centre: Array, scale: Array, level: float, penalty: float
) -> Ridge:
    own = weights / scale
    return Ridge(weights=own, intercept=level - float(centre @ own), penalty=penalty)


def _plus(matrix: Array, penalty: float) -> Array:
    matrix[np.diag_indices_from(matrix)] += penalty
    return matrix


def _shrunk(values: Array, penalties: Array) -> Array:
    return np.maximum(values, 0.0)[:, None] + penalties
