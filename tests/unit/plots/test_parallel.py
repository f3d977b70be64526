"""Lines over axes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from kgtuner.plots.parallel import ABSENT, axes_of, parallel_figure
from kgtuner.plots.style import notice_of


def trials() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "stage": "full",
            "number": range(5),
            "value": [0.1, 0.2, 0.3, 0.4, 0.5],
            "again": None,
            "a.name": ["p", "q", "p", "q", "p"],
            "a.margin": [None, 1.0, None, 3.0, None],
        }
    )


def test_heights_run_from_the_lowest_value_to_the_highest() -> None:
    lines = axes_of(trials(), "full", "mrr")
    assert lines is not None
    assert lines.names == ["a.name", "a.margin", "MRR"]
    assert lines.heights[:, 0].tolist() == [0, 1, 0, 1, 0]
    np.testing.assert_allclose(lines.heights[:, 2], [0, 0.25, 0.5, 0.75, 1])


def test_what_does_not_apply_lies_below_its_axis() -> None:
    lines = axes_of(trials(), "full", "mrr")
    assert lines is not None
    assert lines.heights[:, 1].tolist() == [ABSENT, 0.0, ABSENT, 1.0, ABSENT]


def test_the_best_fifth_has_the_highest_class() -> None:
    lines = axes_of(trials(), "full", "mrr")
    assert lines is not None
    assert lines.classes.tolist() == [0, 1, 2, 3, 4]


def test_a_mean_rank_grows_downwards() -> None:
    lines = axes_of(trials().assign(value=[-5.0, -4.0, -3.0, -2.0, -1.0]), "full", "mean_rank")
    assert lines is not None
    assert lines.ticks[-1][0] == (0.0, "5")
    assert lines.ticks[-1][-1] == (1.0, "1")


def test_too_few_trials_are_a_sentence() -> None:
    assert notice_of(parallel_figure(trials().head(2), stage="full")) is not None
    assert notice_of(parallel_figure(trials(), stage="full")) is None
