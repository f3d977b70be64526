"""Negatives of the right type, in both forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgtuner.graph.entity_types import EntityTypes
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.negatives import NEGATIVES
from kgtuner.negatives.typed import Typed, of_right_type

TYPES = EntityTypes(("a", "b", "none", "c"), np.array([1, 0, 1, 3, 0, 1, 3]))
CPU = torch.device("cpu")
ANSWERS = torch.tensor([0, 1, 3, 2])  # of the types 1, 0, 3, 1


def typed(form: str, n: int) -> Typed:
    return Typed(NEGATIVES[form](num_negatives=n), TYPES, CPU)


def test_each_query_draws_from_the_type_of_its_own_answer() -> None:
    drawn, valid = typed("independent", 200).draw_for(ANSWERS, 7, torch.Generator().manual_seed(0))
    assert valid is None
    assert [set(row) for row in drawn.tolist()] == [{0, 2, 5}, {1, 4}, {3, 6}, {0, 2, 5}]


def test_a_shared_set_has_as_many_of_each_type_and_a_query_sees_its_own() -> None:
    drawn, valid = typed("shared", 100).draw_for(ANSWERS, 7, torch.Generator().manual_seed(0))
    assert drawn.shape == (300,)  # three types have members
    assert valid is not None
    assert valid.sum(1).tolist() == [100] * 4
    for row, members in enumerate(({0, 2, 5}, {1, 4}, {3, 6}, {0, 2, 5})):
        assert set(drawn[valid[row]].tolist()) == members


@pytest.mark.parametrize("form", NEGATIVES)
def test_members_of_a_type_are_as_likely(form: str) -> None:
    drawn, valid = typed(form, 60_000).draw_for(ANSWERS[:1], 7, torch.Generator().manual_seed(0))
    own = drawn.flatten() if valid is None else drawn[valid[0]]
    counts = torch.bincount(own, minlength=7)[[0, 2, 5]]
    assert (counts - 20_000).abs().max() < 5 * 116  # standard deviation


def test_only_a_typed_graph_has_typed_negatives() -> None:
    triples = np.array([(0, 0, 1), (1, 0, 2)])
    form = NEGATIVES["shared"](num_negatives=3)
    plain = KnowledgeGraph("g", tuple("abcdefg"), ("r",), triples, triples[:1], triples[:1])
    assert of_right_type(form, plain, CPU) is form
    graph = KnowledgeGraph("g", tuple("abcdefg"), ("r",), triples, triples[:1], triples[:1], TYPES)
    assert isinstance(of_right_type(form, graph, CPU), Typed)
