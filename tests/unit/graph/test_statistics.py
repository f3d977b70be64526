from __future__ import annotations

from pathlib import Path

import pytest

from kgtuner.graph import KnowledgeGraph
from kgtuner.graph.statistics import relation_categories


def graph_of(train: list[tuple[int, int, int]], n_entities: int, n_relations: int) -> KnowledgeGraph:
    names = [f"e{i}" for i in range(n_entities)], [f"r{i}" for i in range(n_relations)]
    return KnowledgeGraph.from_arrays(train, train[:1], train[:2], *names)


# 0 -> 1 -> 2 -> 0 by r0, a self-loop on 2 by r1, and 3 only in the vocabulary.
TRIANGLE = [(0, 0, 1), (1, 0, 2), (2, 0, 0), (2, 1, 2)]


def test_numbers_of_a_triangle_are_the_ones_counted_by_hand() -> None:
    found = graph_of(TRIANGLE, 4, 2).statistics()
    assert (found.entities, found.relations) == (4, 2)
    assert (found.train_triples, found.valid_triples, found.test_triples) == (4, 1, 2)
    assert found.mean_degree == 8 / 4  # two ends a triple
    assert found.max_degree == 4  # entity 2: one in, one out, and both ends of the loop
    assert (found.components, found.largest_component) == (2, 3)
    assert found.density == 4 / (4 * 4 * 2)
    assert found.self_loops == 1
    assert found.category_counts == {"1-1": 2, "1-N": 0, "N-1": 0, "N-N": 0}


def test_components_ignore_the_direction() -> None:
    assert graph_of([(0, 0, 1), (2, 0, 1), (3, 0, 4)], 5, 1).statistics().components == 2


@pytest.mark.parametrize(
    ("pairs", "category"),
    [
        ([(0, 1), (2, 3)], "1-1"),
        ([(0, 1), (0, 2)], "1-N"),
        ([(1, 0), (2, 0)], "N-1"),
        ([(0, 2), (0, 3), (1, 2), (1, 3)], "N-N"),
        ([(0, 1), (0, 2), (3, 4)], "1-N"),  # 3 pairs of 2 heads: exactly 1.5
        ([(0, 1), (0, 2), (3, 4), (5, 6)], "1-1"),  # 4 pairs of 3 heads: below it
        ([(0, 1), (0, 1), (0, 1)], "1-1"),  # the same triple again is not another tail
    ],
)
def test_a_relation_is_to_many_from_an_average_of_one_and_a_half(
    pairs: list[tuple[int, int]], category: str
) -> None:
    other = [(0, 0, 1), (2, 0, 3)]  # another relation before it, so that the two must be told apart
    graph = graph_of(other + [(h, 1, t) for h, t in pairs], 8, 3)
    assert relation_categories(graph).tolist() == ["1-1", category, "1-1"]


def test_categories_are_reported_by_relation_name() -> None:
    found = graph_of([(0, 0, 1), (0, 0, 2), (1, 1, 0)], 3, 2).statistics()
    assert found.relation_categories == {"r0": "1-N", "r1": "1-1"}


def test_wordnet_relations_are_what_their_names_say(data_dir: Path) -> None:
    found = KnowledgeGraph.from_tsv(data_dir / "wn18rr").statistics()
    said = found.relation_categories
    assert (said["_hypernym"], said["_has_part"], said["_verb_group"]) == ("N-1", "1-N", "1-1")
    assert (found.self_loops, found.entities) == (7, 40_943)
    # 40,559 entities occur in train, the other 384 are components of their own.
    assert found.components > 384
