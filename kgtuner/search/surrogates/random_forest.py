"""A random forest."""

from __future__ import annotations

from typing import Any

import numpy as np

from kgtuner.search.surrogates.base import Surrogate
from kgtuner.types import FloatArray


class RandomForest(Surrogate):
    """Regression trees on bootstrap samples, averaged.

    On 0/1 labels it is a classification forest: the variance p(1 - p) orders splits as Gini's 2p(1 - p)
    does, and the mean of a leaf is its share of ones. The trees are scikit-learn's; fitting and
    evaluating them directly leaves out most of what `RandomForestClassifier` spends on 200 small trees.

    Args:
        trees: how many; the paper uses 200.
        max_features: share of the features that a split chooses from; None: their square root.
        min_leaf: observations in a leaf, at least.

    Source: Breiman (2001), https://doi.org/10.1023/A:1010933404324
    """

    def __init__(self, trees: int = 200, *, max_features: float | None = None, min_leaf: int = 1) -> None:
        self.trees = trees
        self.max_features = max_features
        self.min_leaf = min_leaf
        self._forest: list[tuple[Any, FloatArray]] = []  # a tree's structure and its value in each node

    def fit(self, features: FloatArray, targets: FloatArray, rng: np.random.Generator) -> None:
        from sklearn import config_context
        from sklearn.tree import DecisionTreeRegressor

        x = np.ascontiguousarray(features, dtype=np.float32)
        y = np.ascontiguousarray(targets, dtype=np.float64)
        self._forest = []
        with config_context(skip_parameter_validation=True):
            for seed in rng.integers(2**31, size=self.trees):
                drawn = np.bincount(rng.integers(len(x), size=len(x)), minlength=len(x)).astype(np.float64)
                tree = DecisionTreeRegressor(
                    max_features=self.max_features or "sqrt",
                    min_samples_leaf=self.min_leaf,
                    random_state=int(seed),
                )
                tree.fit(x, y, sample_weight=drawn, check_input=False)
                self._forest.append((tree.tree_, tree.tree_.value[:, 0, 0].copy()))

    def predict(self, features: FloatArray) -> FloatArray:
        x = np.ascontiguousarray(features, dtype=np.float32)
        total = np.zeros(len(x))
        for tree, values in self._forest:
            total += values[tree.apply(x)]
        return total / len(self._forest)

    def distribution(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The mean of the trees and how far they spread, (m,) each: what SMAC takes for uncertainty."""
        x = np.ascontiguousarray(features, dtype=np.float32)
        total, squared = np.zeros(len(x)), np.zeros(len(x))
        for tree, values in self._forest:
            own = values[tree.apply(x)]
            total += own
            squared += own**2
        mean = total / len(self._forest)
        return mean, np.sqrt(np.maximum(squared / len(self._forest) - mean**2, 0.0))
