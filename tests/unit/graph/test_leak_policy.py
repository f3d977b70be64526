from __future__ import annotations

import numpy as np
import pytest

from kgtuner.errors import ConfigError, DataError
from kgtuner.graph import KnowledgeGraph
from kgtuner.graph.leak_policy import split_by_policy
from kgtuner.graph.leaks import answered, overlapping_relations
from kgtuner.types import Triples

NAMES = ["parent_of", "child_of", "knows", "married_to"]


def family(n: int = 120) -> Triples:
    """child_of is the inverse of parent_of, married_to is symmetric, knows is neither."""
    rows = [(i, 0, (i + 7) % n) for i in range(n)] + [((i + 7) % n, 1, i) for i in range(n)]
    rows += [(i, 2, (i + step) % n) for step in (1, 2, 3, 5) for i in range(n)]
    rows += [(i, 3, i ^ 1) for i in range(n)]
    return np.random.default_rng(0).permutation(np.array(rows))


def split(
    policy: str, triples: Triples | None = None, seed: int = 0
) -> tuple[dict[str, Triples], tuple[str, ...]]:
    made = split_by_policy(
        family() if triples is None else triples, NAMES, policy, valid=0.1, test=0.1, seed=seed
    )
    return dict(made.splits), made.notes


def leaking(splits: dict[str, Triples], one: str, other: str) -> int:
    overlaps = overlapping_relations(np.concatenate(list(splits.values())))
    return int(answered(splits[one], splits[other], overlaps)[0].sum())


def test_a_random_split_leaks_and_warn_says_how_much() -> None:
    splits, notes = split("warn")
    n = leaking(splits, "test", "train")
    assert n > 20
    (note,) = notes
    assert note.startswith(f"train answers {n} of the 84 test triples ({n / 84:.1%}) through relations")
    assert "'child_of' and 'parent_of', 'married_to'" in note
    assert "--leaks together" in note


def test_keep_splits_as_warn_does_and_says_nothing() -> None:
    kept, notes = split("keep")
    assert notes == ()
    assert all(kept[name].tolist() == split("warn")[0][name].tolist() for name in kept)


@pytest.mark.parametrize("seed", range(5))
def test_together_leaves_no_answer_in_another_split_and_no_entity_unseen(seed: int) -> None:
    splits, notes = split("together", seed=seed)
    assert notes == ()
    names = list(splits)
    assert [leaking(splits, a, b) for a in names for b in names if a != b] == [0] * 6
    assert sorted(np.concatenate(list(splits.values())).tolist()) == sorted(family().tolist())
    assert set(splits["train"][:, [0, 2]].ravel()) == set(range(120))
    assert 80 <= len(splits["test"]) <= 88
    assert 80 <= len(splits["valid"]) <= 88


def test_drop_leaves_the_redundant_relation_out_and_keeps_the_symmetric_one_together() -> None:
    made = split_by_policy(family(), NAMES, "drop", valid=0.1, test=0.1, seed=0)
    entities, relations = made.names([f"e{i}" for i in range(120)], NAMES)
    assert list(relations) == ["parent_of", "knows", "married_to"]
    assert list(entities) == [f"e{i}" for i in range(120)]
    assert made.notes == (
        "left out 1 of 4 relations and their 120 triples, because others that are kept have their pairs: child_of",
    )
    assert leaking(dict(made.splits), "test", "train") == 0


def test_drop_numbers_what_is_left_without_gaps() -> None:
    pairs = [(2 * i, 2 * i + 2) for i in range(40)]
    rows = [(h, 0, t) for h, t in pairs] + [(h, 2, t) for h, t in pairs[:35]] + [(100, 2, 101)]
    rows += [(h, 1, (h + 10) % 80) for h in range(0, 80, 2)] * 1
    made = split_by_policy(np.array(rows), ["a", "b", "a_again"], "drop", valid=0.1, test=0.1, seed=0)
    entities, relations = made.names([f"e{i}" for i in range(102)], ["a", "b", "a_again"])
    triples = {
        (entities[h], relations[r], entities[t]) for part in made.splits.values() for h, r, t in part.tolist()
    }
    assert triples == {(f"e{h}", "ab"[r], f"e{t}") for h, r, t in rows if r < 2}


def test_an_unknown_policy_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'togehter'. Did you mean 'together'"):
        split("togehter")


def test_a_graph_of_one_group_cannot_be_split_without_leaks() -> None:
    pair = [(0, r, 1) for r in range(2)] + [(i, r, i + 1) for i in range(2, 30, 2) for r in range(2)]
    with pytest.raises(DataError, match="too small to split|too few groups"):
        split_by_policy(np.array(pair), ["a", "b"], "together", valid=0.1, test=0.1, seed=0)


def test_relations_are_not_dropped_under_given_splits(tmp_path) -> None:  # type: ignore[no-untyped-def]
    for name, rows in (("train", family()[:600]), ("valid", family()[600:])):
        text = "".join(f"e{h}\t{NAMES[r]}\te{t}\n" for h, r, t in rows.tolist())
        (tmp_path / f"{name}.tsv").write_text(text)
    with pytest.raises(DataError, match="from a single file only"):
        KnowledgeGraph.from_path(tmp_path, leaks="drop")


def test_every_source_of_a_graph_takes_the_policy() -> None:
    import networkx as nx
    import pandas as pd

    names = [(f"e{h}", NAMES[r], f"e{t}") for h, r, t in family().tolist()]
    edges = nx.MultiDiGraph()
    edges.add_edges_from((h, t, {"relation": r}) for h, r, t in names)
    frame = pd.DataFrame(names, columns=["head", "relation", "tail"])
    for graph in (
        KnowledgeGraph.from_arrays(family(), leaks="together"),
        KnowledgeGraph.from_dataframe(frame, leaks="together"),
        KnowledgeGraph.from_networkx(edges, leaks="together"),
    ):
        assert not [f for f in graph.audit() if f.kind == "answered_test"]
        assert len(graph.test) > 0
