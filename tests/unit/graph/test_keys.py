from __future__ import annotations

import numpy as np

from kgtuner.graph.keys import is_among, is_first, repeated_rows, triple_keys


def test_keys_are_equal_exactly_where_triples_are() -> None:
    triples = np.array([(h, r, t) for h in range(4) for r in range(3) for t in range(4)] * 2)
    keys = triple_keys(triples)
    assert keys[:48].tolist() == keys[48:].tolist()
    assert len(set(keys.tolist())) == 48


def test_ids_too_large_for_a_product_still_get_different_keys() -> None:
    large = 2**40
    keys = triple_keys(np.array([(large, 1, large), (large, 1, large - 1), (large, 1, large), (1, 0, large)]))
    assert keys[0] == keys[2]
    assert len(set(keys.tolist())) == 3


def test_repetitions_are_found_wherever_they_stand() -> None:
    keys = np.array([7, 3, 7, 5, 3, 7, 2**60])
    assert repeated_rows(keys).tolist() == [0, 1, 2, 4, 5]
    assert is_first(keys).tolist() == [True, True, False, True, False, False, True]


def test_membership_does_not_mistake_keys_of_one_slot() -> None:
    # 1 and 1 + 2**24 + 2**47 + ... may share a slot of the table; only the comparison decides.
    others = np.sort(np.random.default_rng(0).integers(0, 2**62, 5000))
    keys = np.concatenate([others[::7], others[::7] + 1, others[::7] ^ (1 << 50)])
    assert is_among(keys, others).tolist() == np.isin(keys, others).tolist()
    assert not is_among(keys, others[:0]).any()


def test_no_triples_have_no_keys() -> None:
    assert triple_keys(np.empty((0, 3), dtype=np.int64)).tolist() == []
    assert is_first(np.empty(0, dtype=np.int64)).tolist() == []
