from __future__ import annotations

import numpy as np
import pytest

from kgtuner.defaults import SAMPLED, default_config, default_for
from kgtuner.errors import ConfigError
from kgtuner.experiment import prepare
from kgtuner.graph.given_negatives import GivenNegatives
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS
from kgtuner.training import all_entities_limit
from kgtuner.training.all_entities_limit import why_not_all_entities

TRIPLES = np.array([(0, 0, 1), (1, 0, 2)])
PARTS = ("toy", ("a", "b", "c"), ("r",), TRIPLES, TRIPLES[:1], TRIPLES[:1])
IDS = np.zeros((1, 4), dtype=np.int32)
GIVEN = KnowledgeGraph(*PARTS, None, {"valid": GivenNegatives.of(IDS, IDS)})


def test_a_small_graph_may_be_trained_either_way() -> None:
    assert why_not_all_entities(KnowledgeGraph(*PARTS)) is None


def test_many_entities_and_given_answers_are_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ranked among given answers" in str(why_not_all_entities(GIVEN))
    monkeypatch.setattr(all_entities_limit, "ALL_ENTITIES_UP_TO", 2)
    assert why_not_all_entities(KnowledgeGraph(*PARTS)) == (
        "3 entities are too many to score all of them for each query"
    )


def test_a_mode_that_makes_no_sense_is_refused_with_the_reason() -> None:
    with pytest.raises(
        ConfigError, match=r"training\.mode one_vs_all does not suit toy: its triples .*; use neg"
    ):
        prepare(default_config("complex"), GIVEN)
    prepare(default_for("complex", 3, all_entities=False), GIVEN)


def test_the_default_of_a_large_graph_samples_and_has_the_published_dimension() -> None:
    usual = default_config("complex")
    assert usual.training.mode == "one_vs_all"
    assert default_for("complex", 9_999, all_entities=True) == usual
    assert default_for("complex", 10_000, all_entities=True) == usual.updated(SAMPLED)
    assert default_for("conve", 10_000, all_entities=True) == default_config("conve")
    assert default_for("conve", 10_000, all_entities=False).training.mode == "negative_sampling"
    large = default_for("complex", 2_500_604, all_entities=False)
    assert (large.training.mode, large.negatives.name) == ("negative_sampling", "shared")
    assert large.model.options["dimension"] == 100
    assert default_for("rotate", 100, all_entities=False) == default_config("rotate")


@pytest.mark.parametrize("model", MODELS)
def test_from_many_entities_on_a_default_samples_where_its_queries_are_cheap(model: str) -> None:
    small, large = (default_for(model, n, all_entities=True).training.mode for n in (9_999, 10_000))
    assert small == default_config(model).training.mode
    assert large == ("one_vs_all" if model in ("conve", "tucker") else "negative_sampling")


def test_the_default_for_a_graph_is_that_for_its_size_and_for_how_it_is_ranked() -> None:
    assert default_config("complex", GIVEN) == default_for("complex", GIVEN.n_entities, all_entities=False)
    assert default_config("complex", KnowledgeGraph(*PARTS)) == default_config("complex")
    many = KnowledgeGraph("many", tuple(map(str, range(10_000))), *PARTS[2:])
    assert default_config("complex", many) == default_config("complex").updated(SAMPLED)
