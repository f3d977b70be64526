"""The generator of OGB's layout makes graphs that are like the real ones in what the rest of the tests relies on."""

from __future__ import annotations

from collections import Counter
from types import ModuleType

import numpy as np
import pytest

from kgtuner.graph.catalog import resolve_graph
from kgtuner.graph.entity_types import EntityTypes
from kgtuner.graph.knowledge_graph import KnowledgeGraph

BOTH = ("ogbl-wikikg2", "ogbl-biokg")


@pytest.fixture(scope="module", params=BOTH)
def graph(
    request: pytest.FixtureRequest, ogb_layout: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> KnowledgeGraph:
    place = tmp_path_factory.mktemp("layout")
    types = {"disease": 700, "drug": 300, "protein": 1_000} if request.param == "ogbl-biokg" else {}
    shape = ogb_layout.Shape(request.param, 2_000, 20, 20_000, 800, 1_000, types, negatives=30)
    folder = ogb_layout.write_ogb_layout(place, shape, seed=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KGTUNER_CACHE", str(place / "cache"))
        return resolve_graph(str(folder))


def test_sizes_are_those_asked_for(graph: KnowledgeGraph) -> None:
    assert (graph.n_entities, graph.n_relations) == (2_000, 20)
    assert [len(part) for part in (graph.train, graph.valid, graph.test)] == [20_000, 800, 1_000]
    every = np.concatenate([graph.train, graph.valid, graph.test])
    assert len(np.unique(every, axis=0)) == len(every)  # no triple twice, in no two splits
    assert set(graph.train[:, 1].tolist()) == set(range(20))


def test_a_few_entities_are_the_tails_of_very_many_triples(graph: KnowledgeGraph) -> None:
    degrees = np.sort(np.bincount(graph.train[:, 2], minlength=graph.n_entities))[::-1]
    assert degrees[:20].sum() > 0.1 * degrees.sum()  # a hundredth of the entities; alike they would have 0.01
    assert degrees[0] > 10 * np.median(degrees)


def test_a_relation_leads_from_each_group_of_entities_to_one_other_group(graph: KnowledgeGraph) -> None:
    types = graph.types or EntityTypes.blocks({"any": graph.n_entities})
    groups = np.sqrt(np.diff(types.starts) / 4).astype(int)  # of each type, as the generator says
    ends = [types.to_local(graph.train[:, column]) for column in (0, 2)]
    head, tail = (place % groups[kind] for kind, place in ends)
    reached: dict[tuple[int, int], Counter[int]] = {}
    for relation, start, end in zip(graph.train[:, 1].tolist(), head.tolist(), tail.tolist(), strict=True):
        reached.setdefault((relation, start), Counter())[end] += 1
    led = sum(found.most_common(1)[0][1] for found in reached.values())
    assert led > 0.8 * len(graph.train)  # a tenth of all triples leads anywhere


def test_given_answers_are_false_and_of_the_right_type(graph: KnowledgeGraph) -> None:
    facts = {tuple(row) for part in (graph.train, graph.valid, graph.test) for row in part.tolist()}
    true = 0
    for split in ("valid", "test"):
        triples, given = graph.split(split), graph.given[split]
        assert given.heads.shape == given.tails.shape == (len(triples), 30)
        for (h, r, t), heads, tails in zip(triples.tolist(), given.heads, given.tails, strict=True):
            true += sum((head, r, t) in facts for head in heads.tolist())
            true += sum((h, r, tail) in facts for tail in tails.tolist())
            if graph.types is not None:
                assert (graph.types.of_entity[heads] == graph.types.of_entity[h]).all()
                assert (graph.types.of_entity[tails] == graph.types.of_entity[t]).all()
    assert true == 0


def test_the_untyped_graph_is_split_by_time_and_the_typed_one_at_random(graph: KnowledgeGraph) -> None:
    """Relations have times of their own, so the latest triples have other shares of them than the earlier ones."""
    shares = [np.bincount(part[:, 1], minlength=20) / len(part) for part in (graph.train, graph.test)]
    apart = np.abs(shares[1][:10] / shares[0][:10] - 1).mean()  # of the frequent half of the relations
    assert apart > 0.3 if graph.types is None else apart < 0.3
