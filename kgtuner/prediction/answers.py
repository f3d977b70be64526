"""What a model is asked and what it answers, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

Known = Literal["exclude", "mark", "keep"]
KNOWN: tuple[Known, ...] = get_args(Known)

Triple: TypeAlias = tuple[str, str, str]
"""(head, relation, tail) by name."""

Question: TypeAlias = tuple[str | None, str | None, str | None]
"""(head, relation, tail) by name, with None for the one that is asked."""


@dataclass(frozen=True)
class Prediction:
    """One expected entity. Scores compare answers of one question, not of two, and are no probabilities.

    `known` says whether the triple stands in train, valid or test; None if nobody looked (`known="keep"`).
    `probability` is that of `LinkPredictor.probabilities`; None if nobody asked for it.
    `type` and `local_id`, which counts the entities of this type, are what ogbl-biokg's own files say; None in a graph
    without types.
    """

    entity: str
    score: float
    known: bool | None
    probability: float | None = None
    type: str | None = None
    local_id: int | None = None

    def to_mapping(self) -> dict[str, Any]:
        mapping = _mapping("entity", self.entity, self)
        return mapping if self.type is None else {**mapping, "type": self.type, "local_id": self.local_id}


@dataclass(frozen=True)
class RelationPrediction:
    """One expected relation, as `Prediction`."""

    relation: str
    score: float
    known: bool | None
    probability: float | None = None

    def to_mapping(self) -> dict[str, Any]:
        return _mapping("relation", self.relation, self)


Answers: TypeAlias = list[Prediction] | list[RelationPrediction]
"""What one question gets: relations where the relation is asked, else entities."""


@dataclass(frozen=True)
class Neighbour:
    """An entity and the cosine of the angle between its embedding and that of the entity asked about."""

    entity: str
    cosine: float  # in [-1, 1], higher is nearer

    def to_mapping(self) -> dict[str, Any]:
        return {"entity": self.entity, "cosine": self.cosine}


@dataclass(frozen=True)
class Verdict:
    """What `LinkPredictor.classify` says of one triple.

    Attributes:
        label: True where the score reaches the threshold.
        score: of the triple, the mean of both directions.
        threshold: of its relation.
        probability: as of `LinkPredictor.probabilities`.
        known: whether the triple stands in train, valid or test.
    """

    head: str
    relation: str
    tail: str
    label: bool
    score: float
    threshold: float
    probability: float
    known: bool

    def to_mapping(self) -> dict[str, Any]:
        return dict(vars(self))


def _mapping(kind: str, name: str, answer: Prediction | RelationPrediction) -> dict[str, Any]:
    mapping = {kind: name, "score": answer.score, "known": answer.known}
    return mapping if answer.probability is None else {**mapping, "probability": answer.probability}
