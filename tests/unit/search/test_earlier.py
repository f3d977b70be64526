"""What was good on other graphs comes first, nearest graph first, and never from the graph itself."""

from __future__ import annotations

from kgtuner.config import TrialConfig
from kgtuner.parts import check
from kgtuner.search.earlier import PORTFOLIO, EarlierStudy, portfolio, shipped_studies
from kgtuner.space import load_space


def study(graph: str, entities: int, triples: int, *rates: float, model: str = "complex") -> EarlierStudy:
    configurations = tuple({"model.name": model, "optimizer.learning_rate": rate} for rate in rates)
    return EarlierStudy(graph, model, entities, triples, configurations)


SMALL = study("small", 100, 1_000, 0.1, 0.2)
LARGE = study("large", 10_000, 100_000, 0.3, 0.4, 0.5)


def rates(
    *studies: EarlierStudy, graph: str = "own", entities: int = 8_000, triples: int = 80_000
) -> list[float]:
    found = portfolio(studies, graph, "complex", entities, triples)
    return [config["optimizer.learning_rate"] for config in found]


def test_studies_take_turns_and_the_nearest_begins() -> None:
    assert rates(SMALL, LARGE) == [0.3, 0.1, 0.4, 0.2, 0.5]
    assert rates(SMALL, LARGE, entities=120, triples=1_100) == [0.1, 0.3, 0.2, 0.4, 0.5]


def test_the_same_size_is_nearer_with_the_same_density() -> None:
    dense = study("dense", 8_000, 4_000_000, 0.9)
    assert rates(dense, study("alike", 7_000, 75_000, 0.7)) == [0.7, 0.9]
    assert LARGE.distance(10_000, 100_000) == 0


def test_a_study_of_the_graph_itself_or_of_another_model_is_left_out() -> None:
    assert rates(SMALL, LARGE, graph="large") == [0.1, 0.2]
    assert rates(study("other", 10_000, 100_000, 0.8, model="rotate")) == []


def test_what_is_good_on_two_graphs_comes_once() -> None:
    both = study("both", 90, 950, 0.4, 0.2, 0.6)
    assert rates(SMALL, both, entities=100, triples=1_000) == [0.1, 0.4, 0.2, 0.6]
    assert len(rates(*[study(f"g{i}", 100, 1_000, 0.1) for i in range(3)])) == 1


def test_the_shipped_studies_are_configurations_that_can_be_trained() -> None:
    studies = shipped_studies()
    assert {(s.graph, s.model) for s in studies} >= {("umls", "complex"), ("codex-s", "complex")}
    for one in studies:
        space = load_space("full", [one.model])
        assert 0 < len(one.configurations) <= PORTFOLIO
        for configuration in one.configurations:
            space.validate(configuration)
            check(TrialConfig.from_flat(configuration))
