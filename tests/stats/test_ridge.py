"""Ridge regression and its honest error, against scikit-learn and against planted mistakes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from memnet.errors import MemnetError
from memnet.stats.fold_means import fold_means
from memnet.stats.ridge import fit_ridge, held_out_at, nested_ridge, ridge_path, usual_penalties
from needs import skip_for

PENALTIES = np.logspace(-2, 4, 7)


def problem(n, p, *, noise=1.0, seed=0):
    """Features of unlike scales and means, and scores that are linear in them."""
    random = np.random.default_rng(seed)
    z = random.normal(size=(n, p))
    truth = z @ random.normal(size=p) / np.sqrt(p) + noise * random.normal(size=n)
    return z * random.uniform(0.1, 9, size=p) + random.normal(size=p), truth


@pytest.fixture(scope="module")
def sklearn():
    try:
        import sklearn.linear_model
        import sklearn.model_selection
        import sklearn.pipeline
        import sklearn.preprocessing
    except ImportError:
        skip_for("scikit-learn")
    return sklearn


def pipeline(sklearn, penalty=1.0):
    scaler = sklearn.preprocessing.StandardScaler()
    return sklearn.pipeline.make_pipeline(scaler, sklearn.linear_model.Ridge(alpha=penalty))


@pytest.mark.parametrize(("n", "p"), [(90, 20), (40, 120)])
def test_a_fit_is_that_of_scikit_learn(sklearn, n, p):
    x, y = problem(n, p)
    new = x[::-1] * 1.1
    for penalty in PENALTIES:
        theirs = pipeline(sklearn, penalty).fit(x, y).predict(new)
        assert fit_ridge(x, y, penalty).predict(new) == pytest.approx(theirs, abs=1e-8)
        ours = ridge_path(x, y, np.array([penalty]), new)
        assert ours[:, 0] == pytest.approx(theirs, abs=1e-8)


@pytest.mark.parametrize(("n", "p"), [(90, 20), (40, 120)])
def test_nested_predictions_are_those_of_scikit_learns_grid_search(sklearn, n, p):
    x, y = problem(n, p)
    folds = np.random.default_rng(1).permutation(np.arange(n) % 5)
    theirs = np.empty(n)
    chosen = []
    for fold in range(5):
        train = folds != fold
        search = sklearn.model_selection.GridSearchCV(
            pipeline(sklearn),
            {"ridge__alpha": PENALTIES},
            cv=sklearn.model_selection.PredefinedSplit(folds[train]),
            scoring=lambda model, x, y: -((model.predict(x) - y) ** 2).sum(),
        )
        search.fit(x[train], y[train])
        theirs[~train] = search.predict(x[~train])
        chosen.append(search.best_params_["ridge__alpha"])
    ours = nested_ridge(x, y, folds, PENALTIES)
    assert ours.fold_penalties == tuple(chosen)
    assert ours.held_out == pytest.approx(theirs, abs=1e-8)


def test_a_planted_linear_problem_is_recovered():
    """The best penalty is noise variance over that of a weight; R squared has its known value."""
    n, p = 2000, 40
    x, y = problem(n, p, noise=1.0)  # explained variance 1, a weight's variance 1 / p
    nested = nested_ridge(x, y, np.arange(n) % 5)
    assert 1 / 8 < nested.ridge.penalty / p < 8
    explained = 1 - ((nested.held_out - y) ** 2).mean() / y.var()
    at_best = 1 - (1 + p / 1600) / 2  # the noise, and what p estimated weights add to it
    assert explained == pytest.approx(at_best, abs=0.03)


def test_a_folds_own_scores_play_no_part_in_its_predictions():
    x, y = problem(60, 100)
    folds = np.arange(60) % 5
    before = nested_ridge(x, y, folds)
    changed = y.copy()
    changed[folds == 2] = np.random.default_rng(5).normal(size=12) * 50
    after = nested_ridge(x, changed, folds)
    assert (after.held_out[folds == 2] == before.held_out[folds == 2]).all()
    assert after.fold_penalties[2] == before.fold_penalties[2]
    assert (after.held_out[folds != 2] != before.held_out[folds != 2]).any()
    curve = [
        held_out_at(x, each, folds, before.fold_penalties, np.arange(60) < 30)
        for each in (y, changed)
    ]
    assert (curve[0][folds == 2] == curve[1][folds == 2]).all()


def test_noise_is_not_predicted_while_a_penalty_in_hindsight_seems_to():
    honest, flattering, pooled = [], [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        x, y, folds = random.normal(size=(50, 60)), random.normal(size=50), np.arange(50) % 5
        nested = nested_ridge(x, y, folds)

        def mean_rho(predicted, y=y, folds=folds):
            inside = [folds == fold for fold in range(5)]
            return np.mean([spearmanr(y[rows], predicted[rows]).statistic for rows in inside])

        honest.append(mean_rho(nested.held_out))
        flattering.append(max(mean_rho(column) for column in nested.path.T))
        pooled.append(spearmanr(y, nested.held_out).statistic)
    error = np.std(honest) / np.sqrt(len(honest))
    assert abs(np.mean(honest)) < 3 * error
    gains = np.subtract(flattering, honest)
    assert gains.mean() > 0.05
    assert gains.mean() > 4 * gains.std() / np.sqrt(len(gains))
    assert np.mean(flattering) > 2 * np.std(flattering) / np.sqrt(len(flattering))
    assert np.mean(pooled) < -3 * error  # levels of folds, and nothing else


def test_features_that_never_vary_get_no_weight():
    x, y = problem(30, 3)
    ridge = fit_ridge(np.column_stack([x, np.full(30, 7.1)]), y, 1.0)
    assert ridge.weights[3] == 0
    assert ridge.weights[:3] == pytest.approx(fit_ridge(x, y, 1.0).weights, abs=1e-10)
    strange = np.array([[0.0, 0.0, 0.0, 1e9]])  # a picture on which it does
    path = ridge_path(np.column_stack([x, np.full(30, 7.1)]), y, PENALTIES, strange)
    assert np.abs(path).max() < 100


def test_the_unit_of_a_feature_does_not_matter():
    x, y = problem(50, 70)
    folds = np.arange(50) % 5
    scaled = nested_ridge(x * 1000 + 3, y, folds)
    assert scaled.held_out == pytest.approx(nested_ridge(x, y, folds).held_out, abs=1e-7)


def test_too_few_folds_are_refused():
    x, y = problem(12, 3)
    with pytest.raises(MemnetError, match="three folds or more"):
        nested_ridge(x, y, np.arange(12) % 2)
    with pytest.raises(MemnetError, match="none of them empty"):
        nested_ridge(x, y, np.where(np.arange(12) % 2, 3, 0))


def test_usual_penalties_reach_from_none_to_all():
    assert usual_penalties(100)[[0, 16, -1]] == pytest.approx([0.01, 100, 1e6])


def test_the_mean_over_folds_ignores_levels_of_folds_and_has_an_interval():
    random = np.random.default_rng(0)
    folds = np.arange(200) % 4
    truth = random.normal(size=200)
    predicted = truth + random.normal(size=200) - 10 * folds
    means, drawn = fold_means(truth, {"m": predicted}, folds, resamples=500, seed=1)
    mean = means["m"]
    rhos = [spearmanr(truth[folds == f], predicted[folds == f]).statistic for f in range(4)]
    assert [rho for rho, _ in mean.folds] == pytest.approx(rhos, abs=1e-12)
    assert mean.value == pytest.approx(np.mean(rhos), abs=1e-12)
    low, high = mean.interval.ends
    assert low < mean.value < high
    assert 0.5 < (high - low) / (4 * drawn["m"].std()) < 1.5
    assert abs(spearmanr(truth, predicted).statistic) < 0.3  # pooled, the levels are all there is
