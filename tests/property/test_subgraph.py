from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgtuner.errors import DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.subgraph import SUBGRAPH_SAMPLERS, Subgraph, sample_subgraph

N, R = 40, 4


def random_graph(seed: int, n_triples: int) -> KnowledgeGraph:
    rng = np.random.default_rng(seed)
    rows = np.unique(np.column_stack([rng.integers(0, size, n_triples) for size in (N, R, N)]), axis=0)
    rows = rng.permutation(rows)
    held_out = len(rows) // 10
    entities, relations = [f"e{i}" for i in range(N)], [f"r{i}" for i in range(R)]
    parts = rows[2 * held_out :], rows[:held_out], rows[held_out : 2 * held_out]
    return KnowledgeGraph.from_arrays(*parts, entities, relations)


def in_full_ids(small: Subgraph, split: str) -> set[tuple[int, int, int]]:
    h, r, t = small.graph.split(split).T
    return set(
        zip(
            small.entity_ids[h].tolist(),
            small.relation_ids[r].tolist(),
            small.entity_ids[t].tolist(),
            strict=True,
        )
    )


@pytest.mark.parametrize("method", SUBGRAPH_SAMPLERS)
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    n_triples=st.integers(150, 900),
    ratio=st.sampled_from([0.2, 0.5, 0.8, 1.0]),
    starts=st.integers(1, 12),
)
def test_a_subgraph_is_a_rankable_part_of_train(
    method: str, seed: int, n_triples: int, ratio: float, starts: int
) -> None:
    full = random_graph(seed, n_triples)
    try:
        small = sample_subgraph(full, ratio, starts, seed, method, min_valid_triples=1)
    except DataError:
        return
    held_out = in_full_ids(small, "valid") | in_full_ids(small, "test")
    everything = held_out | in_full_ids(small, "train")
    assert everything <= set(map(tuple, full.train.tolist()))
    assert not everything & set(map(tuple, np.concatenate([full.valid, full.test]).tolist()))
    seen = {entity for h, _, t in in_full_ids(small, "train") for entity in (h, t)}
    assert {entity for h, _, t in held_out for entity in (h, t)} <= seen
    assert {r for _, r, _ in held_out} <= {r for _, r, _ in in_full_ids(small, "train")}
    # Every name of the subgraph's vocabularies has a triple in its train, so nothing stays untrained.
    assert seen == set(small.entity_ids.tolist())
    assert small.graph.n_entities <= np.ceil(ratio * N)
