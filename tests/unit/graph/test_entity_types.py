from __future__ import annotations

import numpy as np
import pytest

from kgtuner.errors import DataError
from kgtuner.graph.entity_types import SEVERAL, EntityTypes

MIXED = EntityTypes(("drug", "gene"), np.array([1, 0, 1, 1, 0]))  # genes are 0, 2, 3, drugs are 1, 4


def test_local_ids_count_the_entities_of_a_type() -> None:
    types, local = MIXED.to_local(np.arange(5))
    assert types.tolist() == [1, 0, 1, 1, 0]
    assert local.tolist() == [0, 0, 1, 2, 1]
    assert MIXED.to_global(types, local).tolist() == [0, 1, 2, 3, 4]


def test_blocks_are_numbered_type_after_type() -> None:
    blocks = EntityTypes.blocks({"drug": 2, "gene": 3})
    assert blocks.of_entity.tolist() == [0, 0, 1, 1, 1]
    assert blocks.to_global(np.array([1, 0]), np.array([2, 1])).tolist() == [4, 1]


def test_a_local_id_that_a_type_does_not_have_is_named() -> None:
    with pytest.raises(DataError, match="drug has the ids 0 to 1, got 2"):
        MIXED.to_global(np.array([1, 0]), np.array([2, 2]))
    with pytest.raises(DataError, match=r"unknown type of entities 'drag'. Did you mean 'drug'\?"):
        MIXED.type_id("drag")


def test_answers_of_a_relation_have_a_type_where_they_all_have_the_same() -> None:
    # Relation 0 leads from genes to drugs; 1 from drugs to both; 2 is never seen.
    train = np.array([(0, 0, 1), (2, 0, 4), (1, 1, 3), (1, 1, 4)])
    assert MIXED.of_answers(train, 3).tolist() == [0, SEVERAL, SEVERAL, 1, 0, SEVERAL]


def test_a_part_keeps_its_types() -> None:
    part = MIXED.selected(np.array([0, 2, 3]))
    assert part.names == ("drug", "gene")
    assert part.of_entity.tolist() == [1, 1, 1]
    assert part.starts.tolist() == [0, 0, 3]


@pytest.mark.parametrize(
    ("names", "codes"), [(("a", "a"), [0, 1]), (("a", "b"), [0, 2]), (("a", "b"), [-1, 0])]
)
def test_what_cannot_be_types_is_refused(names: tuple[str, ...], codes: list[int]) -> None:
    with pytest.raises(DataError, match="types"):
        EntityTypes(names, np.array(codes))
