"""Examples of what a model answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from kgtuner.evaluation.ranks import rank_triples
from kgtuner.report.html.examples import _chosen, best_and_worst, relation_examples
from kgtuner.report.html.reading import read_run
from kgtuner.tuning.loading import load_predictor
from kgtuner.types import SPLITS


def relations(*rows: tuple[str, float, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["name", "mrr", "count"])


def test_best_and_worst_do_not_overlap() -> None:
    table = relations(("a", 0.9, 50), ("b", 0.8, 50), ("c", 0.3, 50))
    assert best_and_worst(table) == (["a", "b"], ["c"])


def test_a_relation_that_was_hardly_asked_is_neither() -> None:
    table = relations(("rare", 1.0, 2), ("a", 0.9, 50), ("b", 0.1, 50))
    assert best_and_worst(table) == (["a"], ["b"])


def test_no_relation_has_no_best() -> None:
    assert best_and_worst(relations()) == ([], [])


def test_wrong_answers_are_the_nearest_miss_and_the_farthest() -> None:
    assert _chosen(np.array([1.0, 7.0, 2.0, 99.0, 1.0])) == [0, 4, 2, 3]
    assert _chosen(np.array([5.0])) == [0]


def test_an_example_stands_at_its_rank_among_the_first_answers(ended_run: Path) -> None:
    predictor = load_predictor(ended_run)
    graph = predictor.graph
    for group in relation_examples(predictor, read_run(ended_run, with_examples=False).relations):
        for example in group.examples:
            if example.rank <= len(example.top):
                assert example.top[int(example.rank) - 1] == example.answer
            else:
                assert example.answer not in example.top
            names = [example.head or example.answer, example.relation, example.tail or example.answer]
            h, r, t = graph.entity_id(names[0]), graph.relation_id(names[1]), graph.entity_id(names[2])
            assert [h, r, t] in graph.test.tolist()
            tail, head = rank_triples(
                predictor.model, np.array([[h, r, t]]), graph.known_answers(SPLITS), graph.n_relations
            )
            assert example.rank == (head if example.head is None else tail).rank[0]
