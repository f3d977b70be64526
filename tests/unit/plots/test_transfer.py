"""Subgraph against full graph."""

from __future__ import annotations

import pandas as pd

from kgtuner.plots.style import notice_of
from kgtuner.plots.transfer import rank_correlation, transfer_figure, transfer_sentence


def pairs(*values: tuple[float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(values, columns=["subgraph", "full"])
    return frame.assign(subgraph_trial=range(len(frame)), full_trial=range(len(frame)), default=False)


def test_the_same_order_correlates_fully_and_the_opposite_order_not() -> None:
    assert rank_correlation(pairs((0.1, 0.5), (0.2, 0.6), (0.9, 0.61))) == 1.0
    assert rank_correlation(pairs((0.1, 0.7), (0.2, 0.6), (0.9, 0.5))) == -1.0


def test_two_pairs_or_equal_values_have_no_correlation() -> None:
    assert rank_correlation(pairs((0.1, 0.5), (0.2, 0.6))) is None
    assert rank_correlation(pairs((0.1, 0.5), (0.1, 0.6), (0.1, 0.7))) is None


def test_the_sentence_says_when_the_correlation_may_be_chance() -> None:
    assert transfer_sentence(pairs((1, 1), (2, 2), (3, 3))) == (
        "Spearman's rank correlation over 3 configurations: 1.00; with fewer than 8 pairs this can be chance."
    )
    many = pairs(*((i, i) for i in range(8)))
    assert transfer_sentence(many) == "Spearman's rank correlation over 8 configurations: 1.00."


def test_without_pairs_a_sentence_says_so() -> None:
    assert (
        notice_of(transfer_figure(pairs()))
        == "No configuration of the subgraph has been trained on the full graph."
    )


def test_default_and_found_configurations_are_told_apart() -> None:
    figure = transfer_figure(pairs((0.1, 0.2), (0.3, 0.4)).assign(default=[True, False]))
    assert [trace.name for trace in figure.data] == ["found configurations", "default configuration"]
    assert list(figure.data[1].x) == [0.1]
