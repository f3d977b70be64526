"""kgtuner.search.surrogates.random_forest: the forest itself."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from kgtuner.search.surrogates.random_forest import RandomForest


def test_on_labels_it_agrees_with_a_classification_forest() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((150, 4))
    y = (x[:, 0] + x[:, 1] > 1.2).astype(float)
    new = rng.random((400, 4))
    ours = RandomForest(trees=200)
    ours.fit(x, y, np.random.default_rng(0))
    theirs = RandomForestClassifier(200, random_state=0).fit(x, y).predict_proba(new)[:, 1]
    # Two forests of other bootstraps differ by chance only: about 0.03 on the average here.
    assert np.abs(ours.predict(new) - theirs).mean() < 0.05
    assert np.corrcoef(ours.predict(new), theirs)[0, 1] > 0.97


def test_it_learns_a_step_and_stays_between_the_targets() -> None:
    x = np.linspace(0, 1, 80)[:, None]
    forest = RandomForest(trees=50)
    forest.fit(x, (x[:, 0] > 0.5).astype(float), np.random.default_rng(0))
    assert forest.predict(np.array([[0.1], [0.9]])) == pytest.approx([0, 1])
    between = forest.predict(np.array([[0.5]]))
    assert 0 <= between[0] <= 1


def test_the_same_generator_gives_the_same_forest() -> None:
    x = np.random.default_rng(0).random((60, 3))
    predictions = []
    for seed in (5, 5, 6):
        forest = RandomForest(trees=10)
        forest.fit(x, x[:, 0], np.random.default_rng(seed))
        predictions.append(forest.predict(x))
    np.testing.assert_array_equal(predictions[0], predictions[1])
    assert (predictions[0] != predictions[2]).any()
