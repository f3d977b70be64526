from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from kgtuner.errors import ConfigError, DataError, Diverged, RunError
from kgtuner.graph.entity_types import EntityTypes
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS
from kgtuner.models.distmult import DistMult
from kgtuner.prediction import LinkPredictor, Prediction, RelationPrediction, Verdict

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
    questions = [("a", "likes", None), ("b", None, "c"), (None, "knows", "a"), ("c", "knows", None)]
    alone = [predictor.predict_batch([question])[0] for question in questions]
    assert predictor.predict_batch(questions) == alone
    monkeypatch.setattr("kgtuner.prediction.scoring.SCORE_BYTES", 1)  # one question at a time
    monkeypatch.setattr("kgtuner.prediction.scoring.TRIPLES_AT_ONCE", 1)
    monkeypatch.setattr("kgtuner.prediction.predictor.QUESTIONS_AT_ONCE", 3)
    assert predictor.predict_batch(questions) == alone
    monkeypatch.setattr("kgtuner.prediction.predictor.ANSWERS_AT_ONCE", 1)
    monkeypatch.setattr("kgtuner.prediction.scoring.ROW_BYTES", 1)
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
    for question in ((None, "likes", None), ("a", "likes", "b"), ("a", "likes"), "abc"):
        with pytest.raises(ConfigError, match="exactly one of head, relation and tail open"):
            predictor.predict_batch([question])  # type: ignore[list-item]
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


# ---------------------------------------------------------------------- larger graphs, where blocks are looked at


@pytest.fixture(scope="module")
def large() -> LinkPredictor:
    """2,000 entities, ComplEx with inverse relations of their own."""
    rng = np.random.default_rng(0)
    triples = np.unique(rng.integers(0, [2000, 3, 2000], (6000, 3)), axis=0)
    triples = rng.permutation(triples)
    triples[:2000, 0] = np.arange(2000)  # every entity is somewhere
    triples = np.unique(triples, axis=0)
    graph = KnowledgeGraph.from_arrays(triples)
    model = MODELS["complex"](graph.n_entities, graph.n_relations, 8, inverse_relations="independent")
    model.initialize(torch.Generator().manual_seed(0))
    return LinkPredictor(model, graph)


def by_definition(predictor: LinkPredictor, entity: int, relation: int, k: int) -> list[str]:
    """Everything scored one by one, facts left out, sorted with the graph's order among equals."""
    graph = predictor.graph
    with torch.no_grad():
        query = predictor.model.encode(torch.tensor([entity]), torch.tensor([relation]))
        scores = predictor.model.score_candidates(query, predictor.model.entities)[0].numpy()
    facts = set()
    for h, r, t in np.concatenate([graph.train, graph.valid, graph.test]).tolist():
        if (h, r) == (entity, relation):
            facts.add(t)
        if (t, r + graph.n_relations) == (entity, relation):
            facts.add(h)
    order = [i for i in np.argsort(-scores, kind="stable").tolist() if i not in facts]
    return [str(graph.entities[i]) for i in order[:k]]


@pytest.mark.parametrize("k", [1, 7])
def test_answers_are_those_of_the_definition(large: LinkPredictor, k: int) -> None:
    entities, relations = large.graph.entities, large.graph.relations
    questions: list[tuple[str | None, str | None, str | None]] = []
    expected = []
    for entity in range(0, 200, 5):
        relation = entity % 3
        questions += [
            (entities[entity], relations[relation], None),
            (None, relations[relation], entities[entity]),
        ]
        expected += [by_definition(large, entity, r, k) for r in (relation, relation + 3)]
    assert [names(answers) for answers in large.predict_batch(questions, k)] == expected  # type: ignore[arg-type]


def test_a_relation_question_in_a_batch_gets_relations(predictor: LinkPredictor) -> None:
    relations, entities = predictor.predict_batch([("a", None, "b"), ("b", "likes", None)], k=1)
    assert relations == [RelationPrediction("knows", -2.0, False)]
    assert entities == [Prediction("d", 8.0, False)]


# ---------------------------------------------------------------------- probabilities and verdicts


def test_a_triple_has_one_probability_however_it_was_asked(large: LinkPredictor) -> None:
    entities, relations = large.graph.entities, large.graph.relations
    answer = large.predict_tails(entities[0], relations[1], k=1, probabilities=True)[0]
    triple = (entities[0], relations[1], answer.entity)
    heads = large.predict_heads(relations[1], answer.entity, k=2000, known="keep", probabilities=True)
    assert answer.probability == pytest.approx(large.probabilities([triple])[0])
    assert answer.probability == pytest.approx(
        next(head.probability for head in heads if head.entity == entities[0])
    )
    assert answer.to_mapping().keys() == {"entity", "score", "known", "probability"}
    assert large.predict_tails(entities[0], relations[1], k=1)[0].probability is None


def test_a_prior_shifts_probabilities(large: LinkPredictor) -> None:
    triple = (large.graph.entities[0], large.graph.relations[0], large.graph.entities[1])
    (even,), (rare,) = large.probabilities([triple]), large.probabilities([triple], prior=0.01)
    assert rare / (1 - rare) == pytest.approx(even / (1 - even) / 99)
    for prior in (0, 1, 1.5, True):
        with pytest.raises(ConfigError, match="prior must be a number between 0 and 1"):
            large.probabilities([triple], prior=prior)


def test_a_triple_is_taken_for_true_from_the_threshold_on(large: LinkPredictor) -> None:
    triples = [large._names(large.graph.test[i : i + 1])[0] for i in range(20)]
    verdicts = large.classify(triples)
    assert [(v.head, v.relation, v.tail) for v in verdicts] == triples
    assert all(isinstance(v, Verdict) and v.known and v.label == (v.score >= v.threshold) for v in verdicts)
    assert {v.threshold for v in verdicts} <= {
        large.calibration.thresholds.shared,
        *large.calibration.thresholds.own.values(),
    }
    assert [v.probability for v in verdicts] == pytest.approx(large.probabilities(triples))
    assert large.classify([]) == []


def test_the_score_of_a_verdict_looks_from_both_sides(large: LinkPredictor) -> None:
    (triple,) = large._names(large.graph.test[:1])
    h, r, t = triple
    tail = next(a.score for a in large.predict_tails(h, r, 2000, "keep") if a.entity == t)
    head = next(a.score for a in large.predict_heads(r, t, 2000, "keep") if a.entity == h)
    assert large.classify([triple])[0].score == pytest.approx((tail + head) / 2, abs=1e-6)


def test_true_and_false_triples_are_counted(predictor: LinkPredictor, tmp_path: Path) -> None:
    # Scores: likes is the product; (a, likes, d) in test has 4, the two false ones 2 * 3 = 6 and 1 * 1 = 1.
    (tmp_path / "false.txt").write_text("b\tlikes\tc\na\tlikes\ta\n")
    (tmp_path / "valid_false.txt").write_text("a\tlikes\ta\n")
    metrics = predictor.classification_metrics(
        tmp_path / "false.txt", "test", tmp_path / "valid_false.txt"
    )  # validation has (a, likes, c) with 3 against 1: the threshold is 2
    assert (metrics.true_positives, metrics.false_negatives) == (1, 0)
    assert (metrics.false_positives, metrics.true_negatives) == (1, 1)


def test_a_negative_that_is_a_fact_is_refused(predictor: LinkPredictor, tmp_path: Path) -> None:
    (tmp_path / "false.txt").write_text("b\tlikes\tc\na\tlikes\tb\n")
    with pytest.raises(DataError, match=r"1 of 2 stand in graph, the first is \(a, likes, b\)"):
        predictor.classification_metrics(tmp_path / "false.txt")
    with pytest.raises(ConfigError, match="Did you mean 'test'"):
        predictor.classification_metrics(tmp_path / "false.txt", "tset")


# ---------------------------------------------------------------------- files


def test_a_file_is_answered_as_a_batch_in_the_order_of_its_rows(
    predictor: LinkPredictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = [
        ("a", "likes", None),
        ("b", None, "c"),
        (None, "knows", "a"),
        ("c", "knows", None),
        ("b", None, "a"),
    ]
    rows = ["head,relation,tail", *(",".join(name or "" for name in question) for question in questions)]
    (tmp_path / "q.csv").write_text("\n".join(rows))
    monkeypatch.setattr("kgtuner.prediction.predictor.QUESTIONS_AT_ONCE", 2)
    counts = predictor.predict_file(tmp_path / "q.csv", tmp_path / "a.csv", 2, "mark")
    assert counts == {"questions": 5, "answers": 10, "unanswered": 0}
    frame = pd.read_csv(tmp_path / "a.csv")
    assert list(frame.columns) == ["question", "asked", "head", "relation", "tail", "rank", "score", "known"]
    found = zip(*(frame[name].tolist() for name in ("question", "rank", "score", "known")), strict=True)
    assert list(found) == [
        (number, rank, answer.score, answer.known)
        for number, answers in enumerate(predictor.predict_batch(questions, 2, "mark"), 1)
        for rank, answer in enumerate(answers, 1)
    ]
    assert (
        frame["asked"].tolist()
        == ["tail"] * 2 + ["relation"] * 2 + ["head"] * 2 + ["tail"] * 2 + ["relation"] * 2
    )
    triples = list(zip(frame["head"], frame["relation"], frame["tail"], strict=True))
    np.testing.assert_allclose(predictor.score(triples), frame["score"])  # DistMult: the same from both sides


@pytest.mark.parametrize("output", ["q.csv", "folder/../q.csv", "link.csv"])
def test_what_is_read_is_not_written_over(predictor: LinkPredictor, tmp_path: Path, output: str) -> None:
    (tmp_path / "folder").mkdir()
    questions, triples = "head,relation,tail\na,likes,\n", "head,relation,tail\na,likes,b\n"
    path = tmp_path / "q.csv"
    (tmp_path / "link.csv").symlink_to(path)
    path.write_text(questions)
    with pytest.raises(ConfigError, match=r"\.csv is the file that is read; give the output"):
        predictor.predict_file(path, tmp_path / output)
    assert path.read_text() == questions
    path.write_text(triples)
    with pytest.raises(ConfigError, match="is the file that is read"):
        predictor.classify_file(path, tmp_path / output)
    assert path.read_text() == triples


def test_questions_without_a_new_answer_are_counted(predictor: LinkPredictor, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("head,relation,tail\nb,,a\na,likes,\n")
    counts = predictor.predict_file(tmp_path / "q.csv", tmp_path / "a.csv", 1)
    assert counts == {"questions": 2, "answers": 2, "unanswered": 0}
    everything = [(0, 0, tail) for tail in range(4)]
    full = KnowledgeGraph.from_arrays(
        [*everything, (0, 1, 0)], [(0, 0, 1)], [(0, 0, 2)], NAMES, ("likes", "knows")
    )
    counts = LinkPredictor(predictor.model, full).predict_file(tmp_path / "q.csv", tmp_path / "a.csv", 1)
    assert counts == {"questions": 2, "answers": 1, "unanswered": 1}


def test_probabilities_stand_beside_the_scores_in_a_file(large: LinkPredictor, tmp_path: Path) -> None:
    entities, relations = large.graph.entities, large.graph.relations
    (tmp_path / "q.tsv").write_text(f"head\trelation\ttail\n{entities[0]}\t{relations[0]}\t\n")
    large.predict_file(tmp_path / "q.tsv", tmp_path / "a.tsv", 3, probabilities=True, prior=0.1)
    frame = pd.read_csv(tmp_path / "a.tsv", sep="\t", dtype={"head": str, "relation": str, "tail": str})
    triples = list(zip(frame["head"], frame["relation"], frame["tail"], strict=True))
    np.testing.assert_allclose(frame["probability"], large.probabilities(triples, prior=0.1), rtol=1e-5)


def test_verdicts_are_written_or_handed_back(large: LinkPredictor, tmp_path: Path) -> None:
    triples = large._names(large.graph.valid[:5])
    (tmp_path / "t.txt").write_text("".join("\t".join(triple) + "\n" for triple in triples))
    back = large.classify_file(tmp_path / "t.txt")
    assert back["verdicts"] == large.classify(triples)
    counts = large.classify_file(tmp_path / "t.txt", tmp_path / "v.csv")
    assert counts == {"triples": 5, "true": sum(v.label for v in back["verdicts"])}
    frame = pd.read_csv(tmp_path / "v.csv")
    assert list(frame.columns) == [
        "head", "relation", "tail", "label", "score", "threshold", "probability", "known",
    ]  # fmt: skip
    assert frame["label"].tolist() == [v.label for v in back["verdicts"]]


# ---------------------------------------------------------------------- neighbours


def test_neighbours_are_named(predictor: LinkPredictor) -> None:
    assert [near.to_mapping() for near in predictor.neighbours("c", 2)] == [
        {"entity": "a", "cosine": 1.0},
        {"entity": "b", "cosine": 1.0},
    ]
    with pytest.raises(DataError, match="unknown entity 'x'"):
        predictor.neighbours("x")
    with pytest.raises(ConfigError, match="k must be a whole number"):
        predictor.neighbours("a", 0)


@pytest.fixture
def typed(graph: KnowledgeGraph, predictor: LinkPredictor) -> LinkPredictor:
    """a and b are people, c and d things; someone likes things only, people know people and things."""
    train = np.array([(0, 0, 2), (1, 1, 0), (0, 1, 3)])
    types = EntityTypes(("person", "thing"), np.array([0, 0, 1, 1]))
    nothing = train[:0]
    known = KnowledgeGraph("typed", NAMES, graph.relations, train, nothing, nothing, types)
    return LinkPredictor(predictor.model, known)


def test_answers_have_the_type_that_the_relation_has(typed: LinkPredictor) -> None:
    assert names(typed.predict_tails("b", "likes", k=4)) == ["d", "c"]
    assert names(typed.predict_heads("likes", "d", k=4)) == ["b", "a"]
    assert names(typed.predict_tails("b", "knows", k=4, known="keep")) == ["a", "b", "c", "d"]


def test_answers_have_their_type_and_the_id_within_it(typed: LinkPredictor, predictor: LinkPredictor) -> None:
    answers = typed.predict_tails("b", "knows", k=4, known="keep")
    assert [(one.entity, one.type, one.local_id) for one in answers] == [
        ("a", "person", 0),
        ("b", "person", 1),
        ("c", "thing", 0),
        ("d", "thing", 1),
    ]
    assert answers[3].to_mapping() == {
        "entity": "d",
        "score": answers[3].score,
        "known": None,
        "type": "thing",
        "local_id": 1,
    }
    assert "type" not in predictor.predict_tails("b", "knows", k=4, known="keep")[0].to_mapping()


def test_only_relations_between_the_types_of_both_ends_are_offered(typed: LinkPredictor) -> None:
    assert [one.relation for one in typed.predict_relations("a", "b")] == ["knows"]
    assert {one.relation for one in typed.predict_relations("b", "c")} == {"likes", "knows"}
    assert typed.predict_relations("c", "a") == []  # things neither like nor know
