"""kgtuner.search.surrogates.gaussian_process."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from kgtuner.search.surrogates.gaussian_process import GaussianProcess


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).random((40, 2))
    return x, np.sin(5 * x[:, 0]) + 0.3 * x[:, 1]


def test_it_agrees_with_scikit_learn_at_the_same_scales() -> None:
    x, y = data()
    new = np.random.default_rng(1).random((25, 2))
    ours = GaussianProcess()
    ours.fit(x, y, np.random.default_rng(0))
    length, scale, noise = np.exp(ours._log)
    kernel = ConstantKernel(scale) * Matern(length, nu=2.5) + WhiteKernel(noise)
    theirs = GaussianProcessRegressor(kernel, optimizer=None).fit(x, (y - y.mean()) / y.std())
    mean, spread = theirs.predict(new, return_std=True)
    ours_mean, ours_spread = ours.distribution(new)
    np.testing.assert_allclose(ours_mean, y.mean() + y.std() * mean, atol=1e-5)
    # Theirs has the noise of a new observation in it.
    np.testing.assert_allclose((ours_spread / y.std()) ** 2 + noise, spread**2, atol=1e-5)


def test_it_is_sure_where_it_has_seen_and_unsure_far_away() -> None:
    x, y = data()
    process = GaussianProcess()
    process.fit(x, y, np.random.default_rng(0))
    mean, spread = process.distribution(np.vstack([x, [[9.0, 9.0]]]))
    assert np.abs(mean[:-1] - y).max() < 0.15
    assert spread[-1] > 5 * spread[:-1].max()
    assert mean[-1] == pytest.approx(y.mean(), abs=0.2)


def test_equal_targets_are_predicted_as_they_are() -> None:
    x, _ = data()
    process = GaussianProcess()
    process.fit(x, np.full(len(x), 0.25), np.random.default_rng(0))
    assert process.predict(x) == pytest.approx(0.25)
