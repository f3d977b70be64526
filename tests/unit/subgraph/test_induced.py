from __future__ import annotations

import numpy as np
import pytest

from kgtuner.errors import ConfigError, DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.subgraph import SUBGRAPH_SAMPLERS, Subgraph, sample_subgraph
from kgtuner.subgraph.induced import induced_subgraph

Row = tuple[str, str, str]


def induced(graph: KnowledgeGraph, visited: list[int], min_valid_triples: int = 1) -> Subgraph:
    return induced_subgraph(
        graph,
        np.array(visited),
        ratio=0.5,
        starts=3,
        seed=0,
        method="by_hand",
        min_valid_triples=min_valid_triples,
    )


def names_of(graph: KnowledgeGraph, *splits: str) -> set[Row]:
    return {
        (graph.entities[h], graph.relations[r], graph.entities[t])
        for split in splits
        for h, r, t in graph.split(split).tolist()
    }


def grid(n: int = 40) -> KnowledgeGraph:
    """Entities 0..n-1, relation `plus<k>` from i to i + k for k in 1..9, all but every 20th in train."""
    rows = np.array([(i, k - 1, (i + k) % n) for i in range(n) for k in range(1, 10)])
    valid, test = np.arange(len(rows)) % 20 == 3, np.arange(len(rows)) % 20 == 7
    entities, relations = [f"e{i}" for i in range(n)], [f"plus{k}" for k in range(1, 10)]
    return KnowledgeGraph.from_arrays(
        rows[~valid & ~test], rows[valid], rows[test], entities, relations, "grid"
    )


def test_exactly_the_train_triples_between_kept_entities_are_there() -> None:
    full = grid()
    inside = {f"e{i}" for i in range(20)}
    expected = {row for row in names_of(full, "train") if row[0] in inside and row[2] in inside}
    assert names_of(induced(full, list(range(20))).graph, "train", "valid", "test") == expected


def test_ids_lead_back_to_the_full_graph() -> None:
    full = grid()
    small = induced(full, [3, 5, *range(20, 38)])
    for i, original in enumerate(small.entity_ids.tolist()):
        assert small.graph.entities[i] == full.entities[original]
    for i, original in enumerate(small.relation_ids.tolist()):
        assert small.graph.relations[i] == full.relations[original]
    back = np.column_stack(
        (
            small.entity_ids[small.graph.train[:, 0]],
            small.relation_ids[small.graph.train[:, 1]],
            small.entity_ids[small.graph.train[:, 2]],
        )
    )
    assert set(map(tuple, back.tolist())) <= set(map(tuple, full.train.tolist()))


def test_entities_and_relations_without_a_triple_left_are_dropped() -> None:
    # Entities 0..9 all know each other, 10 is only next to 11, and relation 1 only there.
    rows = [(h, 0, t) for h in range(10) for t in range(10)] + [(10, 1, 11)]
    full = KnowledgeGraph.from_arrays(rows, rows[:1], rows[:1])
    small = induced(full, list(range(11)))
    assert small.entity_ids.tolist() == list(range(10))
    assert small.relation_ids.tolist() == [0]


def test_it_remembers_how_it_was_made() -> None:
    small = sample_subgraph(grid(), ratio=0.5, starts=2, seed=7, min_valid_triples=1)
    assert (small.ratio, small.starts, small.seed, small.method) == (0.5, 2, 7, "random_walk")
    assert small.graph.name == "grid-subgraph-0.5"
    for ids in (small.entity_ids, small.relation_ids):
        assert not ids.flags.writeable


def test_the_split_is_90_5_5() -> None:
    rows = [(h, 0, t) for h in range(40) for t in range(40)]
    small = induced(KnowledgeGraph.from_arrays(rows, rows[:1], rows[:1]), list(range(20)))
    assert [len(small.graph.split(split)) for split in ("train", "valid", "test")] == [360, 20, 20]


def test_the_seed_decides_the_subgraph() -> None:
    first, again, other = (
        sample_subgraph(grid(), ratio=0.5, seed=seed, min_valid_triples=1).graph.fingerprint
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_subgraph_with_too_little_to_validate_on_is_refused() -> None:
    rows = [(h, 0, t) for h in range(40) for t in range(40)]
    full = KnowledgeGraph.from_arrays(rows, rows[:1], rows[:1], name="small")
    assert len(induced(full, list(range(20)), min_valid_triples=20).graph.valid) == 20
    with pytest.raises(
        DataError,
        match="small is too small for a subgraph of 50% of its entities: 400 triples would be left and 20 of "
        "them to validate on, at least 21 are needed",
    ):
        induced(full, list(range(20)), min_valid_triples=21)


def test_a_subgraph_without_any_triple_is_refused() -> None:
    with pytest.raises(DataError, match="0 triples would be left"):
        induced(grid(), [0], min_valid_triples=0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ratio": 0.0}, "ratio must be above 0 and at most 1, got 0.0"),
        ({"ratio": 1.5}, "ratio must be above 0"),
        ({"ratio": float("nan")}, "ratio must be above 0"),
        ({"starts": 0}, "starts must be at least 1, got 0"),
        ({"method": "randomwalk"}, r"unknown subgraph sampler 'randomwalk'. Did you mean 'random_walk'\?"),
    ],
)
def test_settings_that_cannot_work_are_refused(options: dict[str, float | str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        sample_subgraph(grid(), **options)  # type: ignore[arg-type]


def test_the_default_refuses_what_the_reason_beside_it_says() -> None:
    with pytest.raises(DataError, match="at least 100 are needed"):
        sample_subgraph(grid())


def test_the_table_names_the_walk() -> None:
    assert "random_walk" in SUBGRAPH_SAMPLERS
