from __future__ import annotations

import numpy as np
import pytest
import torch

from kgtuner.errors import ConfigError, DataError, Diverged, RunError
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS
from kgtuner.models.distmult import DistMult
from kgtuner.prediction import LinkPredictor, Prediction

NAMES = ("a", "b", "c", "d")


@pytest.fixture
def graph() -> KnowledgeGraph:
    """a likes b, c and d, one in each split; b knows a."""
    return KnowledgeGraph.from_arrays(
        [(0, 0, 1), (1, 1, 0), (3, 1, 2)],
        [(0, 0, 2)],
        [(0, 0, 3)],
        entities=NAMES,
        relations=("likes", "knows"),
    )


@pytest.fixture
def predictor(graph: KnowledgeGraph) -> LinkPredictor:
    """With one dimension a score is the product of three numbers: entities 1, 2, 3, 4; likes 1, knows -1."""
    model = DistMult(4, 2, 1)
    model.entities.copy_(torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
    model.relations.copy_(torch.tensor([[1.0], [-1.0]]))
    return LinkPredictor(model, graph)


def names(answers: list[Prediction]) -> list[str]:
    return [answer.entity for answer in answers]


def test_the_best_tails_come_first_with_their_scores(predictor: LinkPredictor) -> None:
    answers = predictor.predict_tails("b", "likes", k=3)
    assert [(answer.entity, answer.score) for answer in answers] == [("d", 8), ("c", 6), ("b", 4)]


def test_facts_of_every_split_are_left_out(predictor: LinkPredictor) -> None:
    assert names(predictor.predict_tails("a", "likes")) == ["a"]


def test_facts_can_be_marked(predictor: LinkPredictor) -> None:
    answers = predictor.predict_tails("a", "likes", known="mark")
    assert [(answer.entity, answer.known) for answer in answers] == [
        ("d", True), ("c", True), ("b", True), ("a", False),
    ]  # fmt: skip


def test_facts_can_be_kept_without_a_look(predictor: LinkPredictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KnowledgeGraph, "known_answers", None)
    answers = predictor.predict_tails("a", "likes", k=2, known="keep")
    assert answers == [Prediction("d", 4.0, None), Prediction("c", 3.0, None)]
    assert [answer.known for answer in predictor.predict_relations("a", "b", known="keep")] == [None, None]


def test_heads_are_asked_in_the_other_direction(predictor: LinkPredictor) -> None:
    # (?, knows, a): -1, -2, -3, -4, and b knows a already. As a tail question b would not be left out.
    assert names(predictor.predict_heads("knows", "a")) == ["a", "c", "d"]
    assert names(predictor.predict_tails("a", "knows")) == ["a", "b", "c", "d"]


def test_relations_between_two_entities_are_ranked(predictor: LinkPredictor) -> None:
    (best,) = predictor.predict_relations("a", "b")
    assert (best.relation, best.score, best.known) == ("knows", -2, False)
    both = predictor.predict_relations("a", "b", known="mark")
    assert [(answer.relation, answer.known) for answer in both] == [("likes", True), ("knows", False)]
    assert len(predictor.predict_relations("a", "b", k=1, known="keep")) == 1


def test_triples_are_scored_by_name(predictor: LinkPredictor) -> None:
    assert predictor.score([("a", "likes", "b"), ("d", "knows", "c")]) == [2.0, -12.0]
    assert predictor.score([]) == []


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("inverse", ["shared", "independent"])
def test_every_model_gives_an_answer_the_score_of_its_triple(
    graph: KnowledgeGraph, name: str, inverse: str
) -> None:
    model = MODELS[name](4, 2, 16, inverse_relations=inverse, initializer="normal", initializer_scale=1.0)
    model.initialize(torch.Generator().manual_seed(0))
    predictor = LinkPredictor(model, graph)
    answers = predictor.predict_tails("b", "knows", known="keep")
    assert len(answers) == 4
    expected = predictor.score([("b", "knows", answer.entity) for answer in answers])
    np.testing.assert_allclose([answer.score for answer in answers], expected, rtol=1e-4, atol=1e-5)


def test_a_batch_answers_as_single_questions_do(
    predictor: LinkPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = [("a", "likes", None), (None, "knows", "a"), ("c", "knows", None)]
    alone = [predictor.predict_batch([question])[0] for question in questions]
    assert predictor.predict_batch(questions) == alone
    monkeypatch.setattr("kgtuner.prediction.SCORE_BYTES", 1)  # one question at a time
    assert predictor.predict_batch(questions) == alone
    assert predictor.predict_batch([]) == []


def test_equal_scores_keep_the_order_of_the_graph(graph: KnowledgeGraph) -> None:
    model = DistMult(4, 2, 1)
    model.entities.copy_(torch.tensor([[1.0], [1.0], [2.0], [1.0]]))
    model.relations.fill_(1.0)
    predictor = LinkPredictor(model, graph)
    assert names(predictor.predict_tails("b", "likes", k=3)) == ["c", "a", "b"]


def test_a_question_without_a_new_answer_has_none(graph: KnowledgeGraph) -> None:
    everything = [(0, 0, tail) for tail in range(4)]
    full = KnowledgeGraph.from_arrays(
        [*everything, (0, 1, 0)], [(0, 0, 1)], [(0, 0, 2)], NAMES, ("likes", "knows")
    )
    model = DistMult(4, 2, 1)
    model.initialize(torch.Generator().manual_seed(0))
    assert LinkPredictor(model, full).predict_tails("a", "likes") == []


@pytest.mark.parametrize("k", [0, -1, True, 2.5])
def test_k_must_count(predictor: LinkPredictor, k: int) -> None:
    with pytest.raises(ConfigError, match="k must be a whole number of at least 1"):
        predictor.predict_tails("a", "likes", k=k)


def test_an_unknown_name_is_answered_with_the_nearest(predictor: LinkPredictor) -> None:
    with pytest.raises(DataError, match=r"unknown relation 'like' in graph\. Did you mean 'likes'\?"):
        predictor.predict_tails("a", "like")
    with pytest.raises(DataError, match="unknown entity 'x'"):
        predictor.predict_heads("likes", "x")
    with pytest.raises(ConfigError, match="Did you mean 'exclude'"):
        predictor.predict_tails("a", "likes", known="exclud")  # type: ignore[arg-type]


def test_a_question_leaves_exactly_one_end_open(predictor: LinkPredictor) -> None:
    for question in ((None, "likes", None), ("a", "likes", "b")):
        with pytest.raises(ConfigError, match="either the head or the tail open"):
            predictor.predict_batch([question])
    with pytest.raises(DataError, match="a triple is"):
        predictor.score(["abc"])  # type: ignore[list-item]


def test_scores_that_are_not_finite_are_no_answers(predictor: LinkPredictor) -> None:
    predictor.model.entities[1] = float("nan")
    with pytest.raises(Diverged, match="1 of 4 scores are not finite"):
        predictor.predict_tails("c", "likes")


def test_a_model_of_another_graph_is_refused(graph: KnowledgeGraph) -> None:
    with pytest.raises(RunError, match="made for 5 entities and 2 relations, but graph has 4 and 2"):
        LinkPredictor(DistMult(5, 2, 1), graph)


def test_dropout_is_switched_off(graph: KnowledgeGraph) -> None:
    model = DistMult(4, 2, 8, dropout=0.9)
    model.initialize(torch.Generator().manual_seed(0))
    predictor = LinkPredictor(model.train(), graph)
    assert predictor.predict_tails("b", "likes") == predictor.predict_tails("b", "likes")
