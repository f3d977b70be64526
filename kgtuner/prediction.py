"""Asking a trained model by name: which tails, heads or relations it expects, and how it scores a triple."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from kgtuner.errors import ConfigError, DataError, Diverged, RunError
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import Model
from kgtuner.registry import unknown
from kgtuner.types import SPLITS, FloatArray, IntArray

Known = Literal["exclude", "mark", "keep"]
KNOWN: tuple[Known, ...] = get_args(Known)

SCORE_BYTES = 100 << 20
"""Memory for the scores of one chunk of questions against all entities."""

Question = tuple[str | None, str, str | None]
"""(head, relation, tail) by name, with None for what is asked: the head or the tail."""


@dataclass(frozen=True)
class Prediction:
    """One expected entity. Scores compare answers of one question, not of two, and are no probabilities.

    `known` says whether the triple stands in train, valid or test; None if nobody looked (`known="keep"`).
    """

    entity: str
    score: float
    known: bool | None

    def to_mapping(self) -> dict[str, Any]:
        return {"entity": self.entity, "score": self.score, "known": self.known}


@dataclass(frozen=True)
class RelationPrediction:
    """One expected relation, as `Prediction`."""

    relation: str
    score: float
    known: bool | None

    def to_mapping(self) -> dict[str, Any]:
        return {"relation": self.relation, "score": self.score, "known": self.known}


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
    """

    def __init__(self, model: Model, graph: KnowledgeGraph) -> None:
        if model.n_entities != graph.n_entities or model.n_relations != graph.n_relations:
            raise RunError(
                f"the model was made for {model.n_entities} entities and {model.n_relations} relations, "
                f"but {graph.name} has {graph.n_entities} and {graph.n_relations}; give its own graph"
            )
        self.model = model.eval()
        self.graph = graph

    def predict_tails(
        self, head: str, relation: str, k: int = 10, known: Known = "exclude"
    ) -> list[Prediction]:
        """The k best answers to (head, relation, ?), best first."""
        return self.predict_batch([(head, relation, None)], k, known)[0]

    def predict_heads(
        self, relation: str, tail: str, k: int = 10, known: Known = "exclude"
    ) -> list[Prediction]:
        """The k best answers to (?, relation, tail), best first."""
        return self.predict_batch([(None, relation, tail)], k, known)[0]

    def predict_batch(
        self, questions: Sequence[Question], k: int = 10, known: Known = "exclude"
    ) -> list[list[Prediction]]:
        """The k best answers to each of many questions (head, relation, None) or (None, relation, tail).

        Raises:
            ConfigError: for k below 1, an unknown `known`, or a question with none or both ends open.
            DataError: for an unknown name.
            Diverged: if a score is not finite.
        """
        _check(k, known)
        directed = [self._directed(question) for question in questions]
        entity = np.array([e for e, _ in directed], dtype=np.int64)
        relation = np.array([r for _, r in directed], dtype=np.int64)
        chunk = max(1, min(512, SCORE_BYTES // (4 * self.graph.n_entities)))
        answers: list[list[Prediction]] = []
        for start in range(0, len(questions), chunk):
            part = slice(start, start + chunk)
            answers += self._answers(entity[part], relation[part], k, known)
        return answers

    def predict_relations(
        self, head: str, tail: str, k: int = 10, known: Known = "exclude"
    ) -> list[RelationPrediction]:
        """The k relations that fit best between two entities, each asked as (head, relation, ?)."""
        _check(k, known)
        h, t = self.graph.entity_id(head), self.graph.entity_id(tail)
        every = np.arange(self.graph.n_relations)
        scores = self._scores(np.full_like(every, h), every, np.full_like(every, t))
        facts: list[bool] | list[None] = [None] * len(every)
        if known != "keep":
            facts = self._contains(np.full_like(every, h), every, np.full_like(every, t)).tolist()
        best = [int(r) for r in np.argsort(-scores, kind="stable") if known != "exclude" or not facts[r]]
        return [
            RelationPrediction(str(self.graph.relations[r]), float(scores[r]), facts[r]) for r in best[:k]
        ]

    def score(self, triples: Sequence[tuple[str, str, str]]) -> list[float]:
        """The score of each triple of names, asked as (head, relation, ?); higher is better."""
        for triple in triples:
            if isinstance(triple, str) or len(triple) != 3:
                raise DataError(f"a triple is (head, relation, tail), got {triple!r}")
        entity, relation = self.graph.entity_id, self.graph.relation_id
        ids = np.array([(entity(h), relation(r), entity(t)) for h, r, t in triples], dtype=np.int64)
        if not len(ids):
            return []
        return [float(score) for score in self._scores(*ids.T)]

    # ------------------------------------------------------------------ by number

    def _directed(self, question: Question) -> tuple[int, int]:
        """A question as the entity and the directed relation of the model's query."""
        head, relation, tail = question
        if (head is None) == (tail is None):
            raise ConfigError(
                f"a question leaves either the head or the tail open with None, got {question!r}"
            )
        r = self.graph.relation_id(relation)
        if head is not None:
            return self.graph.entity_id(head), r
        assert tail is not None
        return self.graph.entity_id(tail), r + self.graph.n_relations

    def _answers(self, entity: IntArray, relation: IntArray, k: int, known: Known) -> list[list[Prediction]]:
        device = self.model.entities.device
        with torch.no_grad():
            query = self.model.encode(
                torch.as_tensor(entity, device=device), torch.as_tensor(relation, device=device)
            )
            scores = _finite(self.model.score_candidates(query, self.model.entities))
        facts = [set[int]() for _ in entity]
        if known != "keep":
            rows, columns = self.graph.known_answers(SPLITS).pairs(entity, relation)
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
                facts[row].add(column)
            if known == "exclude":
                at = (torch.as_tensor(rows, device=device), torch.as_tensor(columns, device=device))
                scores[at] = -torch.inf
        answers = []
        for row, fact in zip(scores, facts, strict=True):
            open_ones = self.graph.n_entities - (len(fact) if known == "exclude" else 0)
            best = _best(row, min(k, open_ones))
            answers.append(
                [
                    Prediction(
                        str(self.graph.entities[i]), float(row[i]), None if known == "keep" else i in fact
                    )
                    for i in best
                ]
            )
        return answers

    def _scores(self, h: IntArray, r: IntArray, t: IntArray) -> FloatArray:
        """(n,) scores of single triples."""
        device = self.model.entities.device
        with torch.no_grad():
            query = self.model.encode(torch.as_tensor(h, device=device), torch.as_tensor(r, device=device))
            tails = self.model.entities[torch.as_tensor(t, device=device)][:, None]  # (n, 1, width)
            scores = _finite(self.model.score_candidates(query, tails))
        return scores[:, 0].double().cpu().numpy()

    def _contains(self, h: IntArray, r: IntArray, t: IntArray) -> np.ndarray:
        """(n,) bool: is the triple in any split?"""
        return self.graph.known_answers(SPLITS).contains(h, r, t[:, None])[:, 0]


def _best(scores: Tensor, k: int) -> list[int]:
    """The columns of the k highest scores of (n,), equal ones in ascending order."""
    if k < 1:
        return []
    limit = torch.topk(scores, k).values[-1]
    above = torch.nonzero(scores > limit)[:, 0]
    equal = torch.nonzero(scores == limit)[: k - len(above), 0]  # topk alone may take any of these
    order = torch.sort(scores[above], descending=True, stable=True).indices
    return [int(i) for i in torch.cat([above[order], equal])]


def _finite(scores: Tensor) -> Tensor:
    if not bool(torch.isfinite(scores).all()):
        bad = int((~scores.isfinite()).sum())
        raise Diverged(f"{bad} of {scores.numel()} scores are not finite, so the answers would mean nothing")
    return scores


def _check(k: int, known: str) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ConfigError(f"k must be a whole number of at least 1, got {k!r}")
    if known not in KNOWN:
        raise ConfigError(unknown("treatment of known answers", known, KNOWN))
