"""Asking a trained model by name."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from kgtuner.errors import ConfigError, DataError, RunError
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import Model
from kgtuner.prediction import asking
from kgtuner.prediction.answer_files import check_apart, writing
from kgtuner.prediction.answers import (
    KNOWN,
    Answers,
    Known,
    Neighbour,
    Prediction,
    Question,
    RelationPrediction,
    Triple,
    Verdict,
)
from kgtuner.prediction.calibration import FILE, Calibration, calibrate, load_calibration, save_calibration
from kgtuner.prediction.classification import ClassificationMetrics
from kgtuner.prediction.curves import at_prior
from kgtuner.prediction.neighbours import nearest
from kgtuner.prediction.scoring import contains, score_both_ways, score_triples
from kgtuner.prediction.thresholds import Thresholds
from kgtuner.prediction.triple_files import OPEN, read_questions, read_triples
from kgtuner.registry import unknown
from kgtuner.types import SPLITS, FloatArray, Split, Triples

QUESTIONS_AT_ONCE, ANSWERS_AT_ONCE = 4096, 1_000_000
"""Questions, and their answers, that are in memory at the same time, at most; one question's answers always are."""

log = logging.getLogger(__name__)


class LinkPredictor:
    """A trained model with the names of the graph it was trained on.

        model.predict_tails("Berlin", "capital_of", k=10)

    Facts are the triples of all three splits: somebody who asks has no use for an answer that stands in
    the graph, whichever split it is in. `known` says what happens to them:

        exclude  they are left out, so that all k answers are new
        mark     they take part, and each answer says whether it is one
        keep     they take part and are not looked up, which saves indexing a very large graph

    Equal scores are ordered as the graph orders its entities. Fewer than k answers come where there are
    no more. Names are those of the graph; a misspelt one is a DataError that offers the nearest.

    Args:
        model: the trained model; it is put into evaluation mode.
        graph: the graph it was trained on.
        folder: where the model lies; its calibration is kept there. None keeps it in memory only.
    """

    def __init__(self, model: Model, graph: KnowledgeGraph, folder: str | Path | None = None) -> None:
        if model.n_entities != graph.n_entities or model.n_relations != graph.n_relations:
            raise RunError(
                f"the model was made for {model.n_entities} entities and {model.n_relations} relations, "
                f"but {graph.name} has {graph.n_entities} and {graph.n_relations}; give its own graph"
            )
        self.model = model.eval()
        self.graph = graph
        self.folder = None if folder is None else Path(folder)
        self._calibration: Calibration | None = None

    # ------------------------------------------------------------------ missing links

    def predict_tails(
        self, head: str, relation: str, k: int = 10, known: Known = "exclude", *, probabilities: bool = False
    ) -> list[Prediction]:
        """The k best answers to (head, relation, ?), best first."""
        answers = self.predict_batch([(head, relation, None)], k, known, probabilities=probabilities)
        return cast(list[Prediction], answers[0])

    def predict_heads(
        self, relation: str, tail: str, k: int = 10, known: Known = "exclude", *, probabilities: bool = False
    ) -> list[Prediction]:
        """The k best answers to (?, relation, tail), best first."""
        answers = self.predict_batch([(None, relation, tail)], k, known, probabilities=probabilities)
        return cast(list[Prediction], answers[0])

    def predict_relations(
        self, head: str, tail: str, k: int = 10, known: Known = "exclude", *, probabilities: bool = False
    ) -> list[RelationPrediction]:
        """The k relations that fit best between two entities, each asked as (head, relation, ?)."""
        answers = self.predict_batch([(head, None, tail)], k, known, probabilities=probabilities)
        return cast(list[RelationPrediction], answers[0])

    def predict_batch(
        self,
        questions: Sequence[Question],
        k: int = 10,
        known: Known = "exclude",
        *,
        probabilities: bool = False,
        prior: float = 0.5,
    ) -> list[Answers]:
        """The k best answers to each of many questions, which may ask for heads, relations and tails.

        Args:
            questions: (head, relation, tail) with None for the one that is asked.
            k: how many answers to each, at most.
            known: see above.
            probabilities: whether each answer gets its probability as well; see `probabilities`. They
                look at a triple from both sides and so need not fall with the score.
            prior: as for `probabilities`.

        Raises:
            ConfigError: for k below 1, an unknown `known`, a prior outside (0, 1), or a question that does
                not leave exactly one part open.
            DataError: for an unknown name.
            Diverged: if a score is not finite.
        """
        _check(k, known)
        _check_prior(prior)
        ids = np.array([self._question(question) for question in questions], dtype=np.int64).reshape(-1, 3)
        answers: list[Answers] = []
        step = self._at_once(k)
        for start in range(0, len(ids), step):
            part = ids[start : start + step]
            answers += self._named(part, k, known, prior if probabilities else None)
        return answers

    def predict_file(
        self,
        questions: str | Path,
        answers: str | Path,
        k: int = 10,
        known: Known = "exclude",
        *,
        probabilities: bool = False,
        prior: float = 0.5,
    ) -> dict[str, int]:
        """Answer the questions of a file into another one, chunk by chunk.

        Questions are rows of CSV, TSV or Parquet with the columns head, relation and tail, one of them
        empty (a .txt is tab-separated without a header). The table of answers (.csv, .tsv or .parquet) has
        a row for each answer: question (its row, from 1), asked (head, relation or tail), head, relation,
        tail, rank (from 1), score, known where `known="mark"`, and probability where it is wanted.

        Returns:
            Counts: questions, answers, and unanswered questions, those without a new answer.

        Raises:
            ConfigError: for k below 1, an unknown `known`, a prior outside (0, 1), another file ending, or
                `answers` that would replace the questions.
            DataError: with file and line for a row that is no question or has an unknown name.
            Diverged: if a score is not finite.
            RunError: when the file cannot be written.
        """
        _check(k, known)
        _check_prior(prior)
        source, target = Path(questions), Path(answers)
        check_apart(source, target)
        counts = {"questions": 0, "answers": 0, "unanswered": 0}
        with writing(target, self.graph) as write:
            ids = read_questions(source, self.graph)
            step = self._at_once(k)
            for start in range(0, len(ids), step):
                part = ids[start : start + step]
                found = asking.find(self.model, self.graph, part, k, known)
                triples = asking.filled(part, found)
                columns: dict[str, Any] = {
                    "question": found.question + start + 1,
                    "asked": np.array(("head", "relation", "tail"))[asking.asked(part)[found.question]],
                    "head": triples[:, 0],
                    "relation": triples[:, 1],
                    "tail": triples[:, 2],
                    "rank": asking.positions(found),
                    "score": found.score,
                }
                if known == "mark":
                    columns["known"] = found.known
                if probabilities:
                    columns["probability"] = self._probabilities(triples, prior)
                write(columns)
                counts["questions"] += len(part)
                counts["answers"] += len(found.question)
                counts["unanswered"] += len(part) - len(np.unique(found.question))
        return counts

    def score(self, triples: Sequence[Triple]) -> list[float]:
        """The score of each triple of names, asked as (head, relation, ?); higher is better."""
        return list(map(float, score_triples(self.model, *self._ids(triples).T)))

    # ------------------------------------------------------------------ true or false

    @property
    def calibration(self) -> Calibration:
        """How scores become probabilities: from the model's folder, or fitted now and kept there.

        Raises:
            DataError: where every corruption of the validation triples is a fact.
            Diverged: if a score is not finite.
        """
        if self._calibration is None and self.folder is not None:
            self._calibration = load_calibration(self.folder, self.model, self.graph)
        return self._calibration or self.calibrate()

    def calibrate(self, seed: int = 0) -> Calibration:
        """Fit the calibration anew and keep it; `seed` decides the corruptions and the held-out parts."""
        fitted = calibrate(self.model, self.graph, seed)
        if self.folder is not None and not save_calibration(fitted, self.folder, self.model, self.graph):
            log.warning("cannot write %s; the calibration is fitted again next time", self.folder / FILE)
        self._calibration = fitted
        return fitted

    def probabilities(self, triples: Sequence[Triple], *, prior: float = 0.5) -> list[float]:
        """How likely each triple of names is to be true; see `Calibration` for what that means.

        Args:
            triples: (head, relation, tail).
            prior: the share of true triples among those that are judged; fitted is an even mix. Where one
                candidate in a hundred is true, `prior=0.01` gives the probabilities for that.

        Raises:
            ConfigError: for a prior outside (0, 1).
            DataError: for an unknown name.
            Diverged: if a score is not finite.
        """
        _check_prior(prior)
        return list(map(float, self._probabilities(self._ids(triples), prior)))

    def classify(self, triples: Sequence[Triple]) -> list[Verdict]:
        """Whether each triple of names is true, by the threshold of its relation from validation.

        Raises:
            DataError: for an unknown name.
            Diverged: if a score is not finite.
        """
        ids = self._ids(triples)
        columns = self._verdicts(ids, self.calibration.thresholds)
        values = zip(*(columns[name].tolist() for name in VERDICT), strict=True)
        return [Verdict(h, r, t, *row) for (h, r, t), row in zip(triples, values, strict=True)]

    def classify_file(self, triples: str | Path, verdicts: str | Path | None = None) -> dict[str, Any]:
        """Classify the triples of a file; see `predict_file` for what files may be.

        Returns:
            Counts: triples, and those taken for true. Without a file for them also `verdicts`, a list of
            `Verdict`.

        Raises:
            ConfigError, DataError, Diverged, RunError: as `predict_file`.
        """
        if verdicts is not None:
            check_apart(Path(triples), Path(verdicts))
        ids = read_triples(Path(triples), self.graph)
        columns = self._verdicts(ids, self.calibration.thresholds)
        counts = {"triples": len(ids), "true": int(columns["label"].sum())}
        if verdicts is None:
            names = self._names(ids)
            values = zip(*(columns[name].tolist() for name in VERDICT), strict=True)
            return {**counts, "verdicts": [Verdict(*n, *row) for n, row in zip(names, values, strict=True)]}
        with writing(Path(verdicts), self.graph) as write:
            write({"head": ids[:, 0], "relation": ids[:, 1], "tail": ids[:, 2], **columns})
        return counts

    def classification_metrics(
        self, negatives: str | Path, split: str = "test", valid_negatives: str | Path | None = None
    ) -> ClassificationMetrics:
        """How well the triples of a split are told from false ones.

        Args:
            negatives: a file of triples that are false; see `predict_file`.
            split: the true triples, test or valid.
            valid_negatives: a file of triples to set the thresholds with, beside the validation triples;
                without it the thresholds come from corruptions, as in `classify`.

        Raises:
            ConfigError: for another split or file ending.
            DataError: with file and line of what is wrong, or where a negative is a fact.
            Diverged: if a score is not finite.
        """
        if split not in SPLITS[1:]:
            raise ConfigError(unknown("split", split, SPLITS[1:]))
        chosen: Split = "test" if split == "test" else "valid"
        false = self._negatives(negatives)
        if valid_negatives is None:
            thresholds = self.calibration.thresholds
        else:
            ids, true = _labelled(self.graph.valid, self._negatives(valid_negatives))
            thresholds = Thresholds.fit(ids[:, 1], score_both_ways(self.model, *ids.T), true, balanced=False)
        ids, true = _labelled(self.graph.split(chosen), false)
        return ClassificationMetrics.of(self._verdicts(ids, thresholds, judge=False)["label"], true)

    # ------------------------------------------------------------------ neighbours

    def neighbours(self, entity: str, k: int = 10) -> list[Neighbour]:
        """The k other entities whose embeddings have the highest cosine with that of an entity, best first.

        Which entities are near says what the model treats alike, not which are linked.

        Raises:
            ConfigError: for k below 1.
            DataError: for an unknown name.
        """
        _check(k, "keep")
        near = nearest(self.model, self.graph.entity_id(entity), k)
        return [Neighbour(str(self.graph.entities[i]), cosine) for i, cosine in near]

    # ------------------------------------------------------------------ by number

    def _question(self, question: Question) -> tuple[int, int, int]:
        if isinstance(question, str) or len(question) != 3 or list(question).count(None) != 1:
            raise ConfigError(
                f"a question leaves exactly one of head, relation and tail open with None, got {question!r}"
            )
        head, relation, tail = question
        return (
            OPEN if head is None else self.graph.entity_id(head),
            OPEN if relation is None else self.graph.relation_id(relation),
            OPEN if tail is None else self.graph.entity_id(tail),
        )

    def _at_once(self, k: int) -> int:
        """How many questions with k answers each are answered together."""
        most = min(k, max(self.graph.n_entities, self.graph.n_relations))
        return max(1, min(QUESTIONS_AT_ONCE, ANSWERS_AT_ONCE // most))

    def _ids(self, triples: Sequence[Triple]) -> Triples:
        """(n, 3) ids of triples of names."""
        for triple in triples:
            if isinstance(triple, str) or len(triple) != 3:
                raise DataError(f"a triple is (head, relation, tail), got {triple!r}")
        entity, relation = self.graph.entity_id, self.graph.relation_id
        ids = [(entity(h), relation(r), entity(t)) for h, r, t in triples]
        return np.array(ids, dtype=np.int64).reshape(-1, 3)

    def _names(self, ids: Triples) -> list[Triple]:
        entities, relations = self.graph.entities, self.graph.relations
        return [(str(entities[h]), str(relations[r]), str(entities[t])) for h, r, t in ids.tolist()]

    def _named(self, questions: Triples, k: int, known: Known, prior: float | None) -> list[Answers]:
        found = asking.find(self.model, self.graph, questions, k, known)
        likely: list[Any] = [None] * len(found.question)
        if prior is not None:
            likely = self._probabilities(asking.filled(questions, found), prior).tolist()
        marks: list[Any] = [None] * len(found.question) if found.known is None else found.known.tolist()
        entities, relations = self.graph.entities, self.graph.relations
        bounds = np.searchsorted(found.question, np.arange(len(questions) + 1)).tolist()
        answer, score = found.answer.tolist(), found.score.tolist()
        answers: list[Answers] = []
        for i, column in enumerate(asking.asked(questions).tolist()):
            part = range(bounds[i], bounds[i + 1])
            if column == asking.RELATION:
                answers.append(
                    [
                        RelationPrediction(str(relations[answer[j]]), score[j], marks[j], likely[j])
                        for j in part
                    ]
                )
            else:
                places = self._local(answer[part.start : part.stop])
                answers.append(
                    [
                        Prediction(str(entities[answer[j]]), score[j], marks[j], likely[j], *place)
                        for j, place in zip(part, places, strict=True)
                    ]
                )
        return answers

    def _local(self, entities: list[int]) -> list[tuple[str | None, int | None]]:
        """The type of each entity and its id within it; None twice in a graph without types."""
        types = self.graph.types
        if types is None:
            return [(None, None)] * len(entities)
        of, local = types.to_local(np.array(entities, dtype=np.int64))
        return [(types.names[kind], place) for kind, place in zip(of.tolist(), local.tolist(), strict=True)]

    def _probabilities(self, ids: Triples, prior: float) -> FloatArray:
        scores = score_both_ways(self.model, *ids.T)
        return at_prior(self.calibration.probabilities(ids[:, 1], scores), prior)

    def _verdicts(self, ids: Triples, thresholds: Thresholds, *, judge: bool = True) -> dict[str, Any]:
        """Columns of VERDICT, (n,) each; the label alone where not to `judge` any further."""
        score, threshold = score_both_ways(self.model, *ids.T), thresholds.of(ids[:, 1])
        label = score >= threshold
        if not judge:
            return {"label": label}
        probability = self.calibration.probabilities(ids[:, 1], score)
        known = contains(self.graph, *ids.T)
        return dict(zip(VERDICT, (label, score, threshold, probability, known), strict=True))

    def _negatives(self, path: str | Path) -> Triples:
        """The triples of a file, none of which may be a fact."""
        ids = read_triples(Path(path), self.graph)
        facts = np.flatnonzero(contains(self.graph, *ids.T))
        if len(facts):
            h, r, t = self._names(ids[facts[:1]])[0]
            raise DataError(
                f"{path} should hold false triples, but {len(facts)} of {len(ids)} stand in {self.graph.name}, "
                f"the first is ({h}, {r}, {t})"
            )
        return ids


VERDICT = ("label", "score", "threshold", "probability", "known")


def _labelled(true: Triples, false: Triples) -> tuple[Triples, Any]:
    return np.concatenate([true, false]), np.arange(len(true) + len(false)) < len(true)


def _check(k: int, known: str) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ConfigError(f"k must be a whole number of at least 1, got {k!r}")
    if known not in KNOWN:
        raise ConfigError(unknown("treatment of known answers", known, KNOWN))


def _check_prior(prior: float) -> None:
    if isinstance(prior, bool) or not isinstance(prior, int | float) or not 0 < prior < 1:
        raise ConfigError(f"prior must be a number between 0 and 1, got {prior!r}")
