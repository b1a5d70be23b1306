"""How well each variant, in each form that its scores are written in, explains an old column.

A row of the column is what the variant predicts, plus noise of some scale, written with so many
decimals; or, with a small probability, it has nothing to do with the picture. A clamped score says
only that the number was at least 1, or at most 0. Scale and probability are not known: for each
candidate they are set to what explains the column best (a profile likelihood), and candidates are
compared by that likelihood. Because a wrong row costs a candidate no more than a fixed amount, a
few of them do not change the verdict.

Beside the candidates stands another model, whose outputs are merely related to a variant's: with
few rows or decimals it explains a column as well, and then no variant may be named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from scipy.stats import theilslopes

from memnet.legacy.variants import SERVER, variants
from memnet.util.arrays import Array

_SERVER = variants()[SERVER].output
MEAN_PREDICTION, SLOPE, DISPLAYED_MEAN = _SERVER.subtract, _SERVER.multiply, _SERVER.add
"""The server's scaling, ``(raw - 0.7626) * 2 + 0.65`` (GANalyze, Goetschalckx et al. 2019)."""

NOISE = 2e-6
"""Standard deviation by which one computer's raw output differs from another's, relative to an
output of 1; the smallest scale of noise."""


@dataclass(frozen=True)
class Form:
    """What is done to raw outputs before they are written down.

    Attributes
    ----------
    name : ``"raw"``, ``"scaled"``, ``"scaled-clamped"``, ``"scaled-clamped-per-crop"``, each also
        with ``"-x100"``.
    scaled : whether the server's scaling is applied.
    clamp : ``"none"``, ``"mean"`` (after the mean over the crops) or ``"crops"`` (before it).
    unit : 1, or 100 for percent.
    """

    name: str
    scaled: bool
    clamp: str
    unit: float

    @property
    def slope(self) -> float:
        """By how much the written number changes when the raw output changes by 1."""
        return self.unit * (SLOPE if self.scaled else 1.0)


FORMS = tuple(
    Form(name + suffix, scaled, clamp, unit)
    for unit, suffix in ((1.0, ""), (100.0, "-x100"))
    for name, scaled, clamp in (
        ("raw", False, "none"),
        ("scaled", True, "none"),
        ("scaled-clamped", True, "mean"),
        ("scaled-clamped-per-crop", True, "crops"),
    )
)
"""Every form, from the plainest."""


def scale_like_server(raw: Array) -> Array:
    """Apply the server's scaling."""
    return (raw - MEAN_PREDICTION) * SLOPE + DISPLAYED_MEAN


@dataclass(frozen=True)
class Prediction:
    """What one variant in one form would have written, before rounding.

    Attributes
    ----------
    slug, form : the candidate; ``form`` is a :class:`Form`'s name.
    latent : prediction before clamping, ``(N,)``.
    low, high : what it was clamped to; infinite where it was not.
    spread : SD by which the prediction itself is uncertain, ``(N,)``: crops drawn at random anew.
    floor : smallest scale of noise, in the unit of ``latent``.
    redrawn : whether ``spread`` is that of crops drawn anew.
    """

    slug: str
    form: str
    latent: Array
    low: float
    high: float
    spread: Array
    floor: float
    redrawn: bool = False

    @property
    def written(self) -> Array:
        """The prediction as it would be written, clamped."""
        return np.clip(self.latent, self.low, self.high)


def predict_forms(slug: str, outputs: Array, *, random_crops: bool) -> Iterator[Prediction]:
    """Yield what a variant would have written in every form.

    Parameters
    ----------
    slug : the variant.
    outputs : raw outputs, float64 ``(N, crops)``.
    random_crops : whether its crops were drawn at random: the old scores are then of other crops,
        and scatter around ours by ``sqrt(2 / crops)`` of the SD between crops. The forms come
        twice, with that scatter and, for a column made with our crops, without.
    """
    count = outputs.shape[1]
    raw = outputs.mean(axis=1)
    noise = NOISE * max(1.0, float(np.median(np.abs(raw))))
    none = np.zeros(len(raw))
    scatter = outputs.std(axis=1, ddof=1) * np.sqrt(2.0 / count) if count > 1 else none
    for form in FORMS:
        latent = scale_like_server(raw) if form.scaled else raw
        if form.clamp == "crops":
            each = scale_like_server(outputs)
            free = (each >= 1).all(axis=1) | (each <= 0).all(axis=1)
            latent = np.where(free, latent, np.clip(each, 0, 1).mean(axis=1))
        low, high = (-np.inf, np.inf) if form.clamp == "none" else (0.0, form.unit)
        for redrawn in (False, True) if random_crops else (False,):
            yield Prediction(
                slug,
                form.name,
                latent * form.unit,
                low,
                high,
                scatter * form.slope if redrawn else none,
                noise * form.slope,
                redrawn,
            )


_OUTLIER_SHARES = (0.002, 0.01, 0.03, 0.1, 0.2, 0.3)  # shares of rows that are not the variant's
_WIDEST = 0.3  # the largest scale of noise, in SDs of the prediction
_COARSE, _FINE = 16, 9  # points of the grid of scales, and of the finer one around the best
_FAR_BEHIND = 50.0  # in log likelihood: no finer grid brings a candidate back from there
_MOST_ROWS = 300  # rows for what takes time with their square
_AT_ONCE = 32  # candidates whose grids are computed together
_ROUNDS = 10  # of fitting a line and weighing the rows
_LEAST_NOISE = (
    0.3  # least noise of a related model, in SDs of what it shares with the variant (r .958)
)
_LEAST_NOISE_OF_COLUMN = 0.25  # and in SDs of the column (r .968)
_FAR_FROM_LINE = 3.7  # medians of the absolute difference: 2.5 SDs of a normal one


@dataclass(frozen=True)
class ObservedColumn:
    """What the likelihood needs of a column.

    Attributes
    ----------
    values : float64 ``(N,)``.
    steps : rounding step of each row, ``(N,)``, never finer than computers agree.
    background : probability of each value if the row has nothing to do with the picture, ``(N,)``.
    """

    values: Array
    steps: Array
    background: Array

    @classmethod
    def from_values(cls, values: Array, steps: Array) -> ObservedColumn:
        """Spread the background over the column's range, with a pile at 0, 1 and 100 as it is."""
        finest = NOISE / 2 * max(1.0, float(np.median(np.abs(values))))
        steps = np.maximum(steps, finest)
        piles = np.zeros(len(values))
        for value in (0.0, 1.0, 100.0):
            here = values == value
            if here.sum() > 1:
                piles[here] = here.mean()
        width = max(float(np.ptp(values)), float(steps.max()))
        free = 1.0 - float((piles > 0).mean())
        return cls(values, steps, np.where(piles > 0, piles, np.minimum(free * steps / width, 1.0)))


@dataclass(frozen=True)
class Fit:
    """A candidate at its best.

    Attributes
    ----------
    prediction : the candidate.
    loglik : log likelihood of the column at the best scale and share.
    tau : that scale of noise, in the column's unit.
    outlier_share : that share of rows that are not the variant's.
    outlier_probability : probability of each row not to be the variant's, ``(N,)``.
    """

    prediction: Prediction
    loglik: float
    tau: float
    outlier_share: float
    outlier_probability: Array


def fit_all(column: ObservedColumn, predictions: Sequence[Prediction]) -> list[Fit]:
    """Find for every candidate the scale of noise and the share of wrong rows that suit it best.

    Returns
    -------
    list of Fit
        the best first. Those that are far behind have been looked at on a coarse grid only.
    """
    floor = np.array([prediction.floor for prediction in predictions])
    widest = np.maximum(
        _WIDEST * np.std([prediction.written for prediction in predictions], axis=1), floor
    )
    scales = np.geomspace(floor, widest, _COARSE, axis=-1)  # candidates x scales
    loglik, tau, share = _best_on_grid(column, predictions, scales)
    near = np.flatnonzero(loglik > loglik.max() - _FAR_BEHIND)
    step = scales[near, 1] / scales[near, 0]
    low = np.maximum(floor[near], tau[near] / step)
    high = np.minimum(widest[near], tau[near] * step)
    finer = _best_on_grid(
        column, [predictions[int(at)] for at in near], np.geomspace(low, high, _FINE, axis=-1)
    )
    better = finer[0] > loglik[near]
    for coarse, fine in zip((loglik, tau, share), finer, strict=True):
        coarse[near[better]] = fine[better]
    mass = _mass(column, predictions, tau[:, None])[:, 0]
    chance = share[:, None] * column.background
    outlier_probability = chance / (chance + (1 - share[:, None]) * mass)
    fits = [
        Fit(
            prediction, float(loglik[at]), float(tau[at]), float(share[at]), outlier_probability[at]
        )
        for at, prediction in enumerate(predictions)
    ]
    return sorted(fits, key=lambda fit: -fit.loglik)


def _best_on_grid(
    column: ObservedColumn, predictions: Sequence[Prediction], scales: Array
) -> tuple[Array, Array, Array]:
    """Return log likelihood, scale and share at the best point of each candidate's grid."""
    result = np.full((3, len(predictions)), -np.inf)
    for start in range(0, len(predictions), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        mass = _mass(column, predictions[rows], scales[rows])
        for share in _OUTLIER_SHARES:
            logliks = np.log((1 - share) * mass + share * column.background).sum(axis=-1)
            at = logliks.argmax(axis=1)[:, None]
            best = np.take_along_axis(logliks, at, 1)[:, 0]
            tau = np.take_along_axis(scales[rows], at, 1)[:, 0]
            new = np.stack([best, tau, np.full(len(best), share)])
            result[:, rows] = np.where(best > result[0, rows], new, result[:, rows])
    return result[0], result[1], result[2]


def _mass(column: ObservedColumn, predictions: Sequence[Prediction], scales: Array) -> Array:
    """Probability of each row's rounding interval, ``(candidates, scales, N)``."""
    latent = np.array([prediction.latent for prediction in predictions])[:, None, :]
    spread = np.array([prediction.spread for prediction in predictions])[:, None, :]
    low = np.array([prediction.low for prediction in predictions])[:, None, None]
    high = np.array([prediction.high for prediction in predictions])[:, None, None]
    sd = np.sqrt(scales[:, :, None] ** 2 + spread**2)
    return _interval(column.values, column.steps / 2, latent, low, high, sd)


def _interval(y: Array, half: Array, latent: Array, low: Array, high: Array, sd: Array) -> Array:
    """Probability that ``latent`` plus noise, clamped, is written as ``y``; all broadcast."""
    upper = np.where(y >= high, np.inf, y + half - latent) / sd
    lower = np.where(y <= low, -np.inf, y - half - latent) / sd
    flip = lower > 0  # in the upper tail 1 - 1 would be left of the difference
    mass = ndtr(np.where(flip, -lower, upper)) - ndtr(np.where(flip, -upper, lower))
    return np.where((y > high + half) | (y < low - half), 0.0, mass)


def fit_line(
    column: ObservedColumn, slug: str, outputs: Array, *, seed: int = 0
) -> tuple[Fit, float, float] | None:
    """Fit ``y = a + b * raw``, wrong rows apart; returns the fit, a and b.

    The slope begins as the median of the slopes between all pairs (Theil and Sen; of 300 rows,
    drawn with ``seed``, where there are more) and is then fitted by least squares, each row
    weighted by the probability that it is the variant's. None where the outputs do not differ.
    """
    raw = outputs.mean(axis=1)
    if np.ptp(raw) <= NOISE or np.ptp(column.values) == 0:
        return None
    noise = NOISE * max(1.0, float(np.median(np.abs(raw))))
    rows = _draw_rows(len(raw), seed)
    b, a = map(float, theilslopes(column.values[rows], raw[rows])[:2])
    best: tuple[Fit, float, float] | None = None
    for _ in range(_ROUNDS):
        if b == 0:
            return best
        line = Prediction(
            slug, "affine", a + b * raw, -np.inf, np.inf, np.zeros(len(raw)), noise * abs(b)
        )
        this = fit_all(column, [line])[0]
        if best is not None and this.loglik <= best[0].loglik + 1e-6:
            break
        best = this, a, b
        weight = (1 - this.outlier_probability) / (1 - this.outlier_probability).sum()
        x, y = raw - weight @ raw, column.values - weight @ column.values
        if weight @ x**2 <= NOISE**2:
            break
        b = float(weight @ (x * y) / (weight @ x**2))
        a = float(weight @ column.values - b * (weight @ raw))
    return best


def related_model_loglik(column: ObservedColumn, raws: Sequence[Array]) -> float:
    """Log likelihood of the column if another model made it, one related to some variant.

    That model's scores are ``a + b * raw`` plus normal noise, rounded and clamped as the column is,
    and as with the candidates some rows may be wrong. The noise is at least that of a correlation
    of about .96, so that a variant that is slightly different from a known one is not taken for
    another model.

    Parameters
    ----------
    column : the column.
    raws : raw outputs of each variant, each ``(N,)``.

    Returns
    -------
    float
        at the best variant, line, noise and share of wrong rows; minus infinity where nothing
        varies.
    """
    y = column.values
    if np.ptp(y) == 0:
        return -np.inf
    low = 0.0 if y.min() == 0 and (y == 0).sum() > 1 else -np.inf
    high = float(y.max()) if y.max() in (1, 100) and (y == y.max()).sum() > 1 else np.inf
    lines = [
        line
        for raw in raws
        if np.ptp(raw) > NOISE
        for line in _related_lines(raw, column, low, high)
    ]
    if not lines:
        return -np.inf
    floors = np.array([line.floor for line in lines])
    scales = np.geomspace(floors, np.maximum(2 * np.std(y), floors), _FINE, axis=-1)
    return float(_best_on_grid(column, lines, scales)[0].max())


def _related_lines(raw: Array, column: ObservedColumn, low: float, high: float) -> list[Prediction]:
    """Fit the line to all rows, and again without those far from it, which may be wrong.

    Wrong rows would draw the line away from the others, and make the column's SD, by which the
    least noise goes, larger than it is.
    """
    y, kept = column.values, np.ones(len(raw), dtype=bool)
    lines: list[Prediction] = []
    for _ in range(2):
        if np.ptp(raw[kept]) <= NOISE:
            break
        a, b = _censored_line(raw[kept], y[kept], low, high)
        least = max(
            _LEAST_NOISE * abs(b) * float(np.std(raw[kept])),
            _LEAST_NOISE_OF_COLUMN * float(np.std(y[kept])),
            NOISE,  # where the rows kept are all the same
        )
        line = a + b * raw
        lines.append(Prediction("", "related", line, low, high, np.zeros(len(raw)), least))
        off = np.abs(y - np.clip(line, low, high))
        kept = off <= _FAR_FROM_LINE * float(np.median(off))
        if kept.all():
            break
    return lines


def _censored_line(x: Array, y: Array, low: float, high: float) -> tuple[float, float]:
    """Least squares; a clamped row, whose number was beyond, may lie where the line takes it."""
    x_mean = x.mean()
    target = y
    for _ in range(_ROUNDS if np.isfinite([low, high]).any() else 1):
        b = float((x - x_mean) @ target / ((x - x_mean) @ (x - x_mean)))
        a = float(target.mean() - b * x_mean)
        line = a + b * x
        target = np.where(y >= high, np.maximum(y, line), y)
        target = np.where(y <= low, np.minimum(y, line), target)
    return a, b


def _draw_rows(n: int, seed: int) -> np.ndarray:
    """Return all rows, or 300 of them drawn with the seed, in their order."""
    if n <= _MOST_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, _MOST_ROWS, replace=False))


def shuffle_p(
    column: ObservedColumn, fits: Sequence[Fit], *, shuffles: int = 999, seed: int = 0
) -> float:
    """Share of shuffled columns that some candidate explains as well as the best does this one.

    Parameters
    ----------
    column, fits : the column and its best-fitting candidates, the best first; each shuffled
        column may choose among them, as the column could.
    shuffles : how often the column's rows are shuffled.
    seed : of the shuffles and of the rows used.

    Returns
    -------
    float
        ``(1 + as good) / (1 + shuffles)``. The statistic is the log likelihood, at the best of
        five scales of noise from the fitted one to the widest. Of more than 300 rows, 300 drawn
        at random are used.
    """
    rows = _draw_rows(len(column.values), seed)
    n = len(rows)
    y = ObservedColumn(column.values[rows], column.steps[rows], column.background[rows])
    random = np.random.default_rng(seed)
    orders = random.permuted(np.tile(np.arange(n), (shuffles, 1)), axis=1)
    best = np.full(shuffles, -np.inf)
    at = np.arange(n)
    itself = -np.inf
    for fit in fits:
        pairs = _every_pairing(y, fit, rows)
        itself = max(itself, float(pairs[:, at, at].sum(axis=1).max()))
        for scale in pairs:
            np.maximum(best, scale[at, orders].sum(axis=1), out=best)
    return float((1 + np.sum(best >= itself - 1e-9)) / (1 + shuffles))


def _every_pairing(column: ObservedColumn, fit: Fit, rows: np.ndarray) -> Array:
    """Log likelihood of every row of the column for every picture, ``(scales, picture, row)``."""
    prediction = fit.prediction
    widest = _WIDEST * float(np.std(prediction.written))
    scales = np.geomspace(fit.tau, max(widest, fit.tau), 5)[:, None, None]
    latent, spread = prediction.latent[rows, None], prediction.spread[rows, None]
    low, high = np.array(prediction.low), np.array(prediction.high)
    sd = np.sqrt(scales**2 + spread**2)
    mass = _interval(column.values, column.steps / 2, latent, low, high, sd)
    pairs: Array = np.log((1 - fit.outlier_share) * mass + fit.outlier_share * column.background)
    return pairs
