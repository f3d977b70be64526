"""From scores to probabilities: curves fitted on validation triples against corruptions, and how good they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kgtuner.errors import DataError, RunError
from kgtuner.files import replacing
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import Model
from kgtuner.prediction.corruptions import corrupt
from kgtuner.prediction.curves import CURVES, Curve, sigmoid
from kgtuner.prediction.reliability import Reliability, reliability
from kgtuner.prediction.scoring import score_both_ways
from kgtuner.prediction.thresholds import Thresholds
from kgtuner.types import BoolArray, FloatArray, IntArray

FORMAT = 1
FILE = "calibration.json"

ENOUGH = 50
"""Validation triples that a relation needs for a curve of its own."""

LARGEST = 20_000
"""Validation triples that are looked at; more would change nothing but the time."""

FOLDS = 5

BETTER = 0.95
"""The isotonic curve has flat pieces that take the order away; it is chosen if its Brier score is lower than this share
of Platt's."""


@dataclass(frozen=True, eq=False)
class Examples:
    """True and false triples with their scores; what a curve and a threshold are fitted on."""

    relation: IntArray  # (n,)
    score: FloatArray  # (n,) mean of both directions
    true: BoolArray  # (n,)
    origin: IntArray  # (n,) the true triple that an example is, or was made from


@dataclass(frozen=True)
class Calibration:
    """Probabilities for the scores of one model.

    A probability is that of a triple drawn from an even mix of true triples and corruptions (see
    `kgtuner.prediction.corruptions`). Relations with at least ENOUGH validation triples have a curve of
    their own, all others share one. All curves are Platt's, or isotonic where that gives a Brier score on
    held-out validation triples that is lower by a twentieth.

    Attributes:
        method: "platt" or "isotonic".
        shared: the curve of relations without one of their own.
        own: curves by relation id.
        before: of 1 / (1 + exp(-score)), which is what a score would be taken for without calibration.
        after: by method, of probabilities from curves that have not seen the triple: validation
            triples in FOLDS parts, each judged by curves fitted on the others.
        thresholds: for triple classification, from the same examples.
        validation_triples, corruptions: how many were fitted on.
    """

    method: str
    shared: Curve
    own: dict[int, Curve]
    before: Reliability
    after: dict[str, Reliability]
    thresholds: Thresholds
    validation_triples: int
    corruptions: int

    def probabilities(self, relation: IntArray, score: FloatArray) -> FloatArray:
        """(n,) probabilities of triples with these relations and scores (means of both directions)."""
        return _apply(self.shared, self.own, relation, score)

    def to_mapping(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "shared": self.shared.to_mapping(),
            "own": {str(relation): curve.to_mapping() for relation, curve in self.own.items()},
            "before": self.before.to_mapping(),
            "after": {method: judged.to_mapping() for method, judged in self.after.items()},
            "thresholds": self.thresholds.to_mapping(),
            "validation_triples": self.validation_triples,
            "corruptions": self.corruptions,
        }

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any]) -> Calibration:
        """The inverse of `to_mapping`."""
        curve = CURVES[value["method"]]
        return cls(
            method=value["method"],
            shared=curve.from_mapping(value["shared"]),
            own={int(relation): curve.from_mapping(part) for relation, part in value["own"].items()},
            before=Reliability.from_mapping(value["before"]),
            after={method: Reliability.from_mapping(part) for method, part in value["after"].items()},
            thresholds=Thresholds.from_mapping(value["thresholds"]),
            validation_triples=int(value["validation_triples"]),
            corruptions=int(value["corruptions"]),
        )


def calibrate(model: Model, graph: KnowledgeGraph, seed: int = 0) -> Calibration:
    """Fit curves on the validation triples; `seed` decides the corruptions and the folds.

    Raises:
        DataError: where a graph is so dense that no corruption is false.
        Diverged: if a score is not finite.
    """
    examples = validation_examples(model, graph, seed)
    weight = balanced(examples.true)
    fold = np.random.default_rng([seed, FOLDS]).integers(0, FOLDS, int(examples.origin.max()) + 1)
    after = {}
    for method in CURVES:
        held_out = np.empty_like(examples.score)
        for part in range(FOLDS):
            inside = fold[examples.origin] == part
            curves = _fit(method, examples, ~inside)
            held_out[inside] = _apply(*curves, examples.relation[inside], examples.score[inside])
        after[method] = reliability(held_out, examples.true, weight)
    method = "isotonic" if after["isotonic"].brier < BETTER * after["platt"].brier else "platt"
    shared, own = _fit(method, examples, np.ones_like(examples.true))
    return Calibration(
        method=method,
        shared=shared,
        own=own,
        before=reliability(sigmoid(examples.score), examples.true, weight),
        after=after,
        thresholds=Thresholds.fit(examples.relation, examples.score, examples.true, balanced=True),
        validation_triples=int(examples.true.sum()),
        corruptions=int((~examples.true).sum()),
    )


def validation_examples(model: Model, graph: KnowledgeGraph, seed: int) -> Examples:
    """The validation triples, at most LARGEST of them, and their corruptions."""
    triples = graph.valid
    if len(triples) > LARGEST:
        chosen = np.random.default_rng([seed, LARGEST]).choice(len(triples), LARGEST, replace=False)
        triples = triples[np.sort(chosen)]
    return examples_of(model, graph, triples, seed)


def examples_of(model: Model, graph: KnowledgeGraph, triples: IntArray, seed: int) -> Examples:
    """(n, 3) true triples and their corruptions, with scores."""
    if not len(triples):
        raise DataError(f"{graph.name} has no validation triples to calibrate with")
    corruptions, origin = corrupt(graph, triples, seed)
    if not len(corruptions):
        raise DataError(
            f"{graph.name} is so dense that every corruption of a validation triple is a fact: "
            "there is nothing to calibrate with"
        )
    both = np.concatenate([triples, corruptions])
    true = np.arange(len(both)) < len(triples)
    return Examples(
        relation=both[:, 1],
        score=score_both_ways(model, *both.T),
        true=true,
        origin=np.concatenate([np.arange(len(triples)), origin]),
    )


def balanced(true: BoolArray) -> FloatArray:
    """(n,) weights that let all true and all false examples weigh the same: each half of n."""
    n, right = len(true), int(true.sum())
    return np.where(true, n / 2 / max(right, 1), n / 2 / max(n - right, 1))


def load_calibration(folder: Path, model: Model, graph: KnowledgeGraph) -> Calibration | None:
    """What `save_calibration` kept; None where there is none, it is damaged, or the model is another by now."""
    try:
        value = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if value["format"] != FORMAT or value["fingerprint"] != _fingerprint(model, graph):
            return None
        return Calibration.from_mapping(value["calibration"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def save_calibration(calibration: Calibration, folder: Path, model: Model, graph: KnowledgeGraph) -> bool:
    """Keep it beside the model, as JSON; False where the folder cannot be written to."""
    value = {
        "format": FORMAT,
        "fingerprint": _fingerprint(model, graph),
        "relations": {str(r): str(graph.relations[r]) for r in calibration.own},
        "calibration": calibration.to_mapping(),
    }
    try:
        with replacing(folder / FILE) as partial:
            partial.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except RunError:
        return False
    return True


def _fingerprint(model: Model, graph: KnowledgeGraph) -> str:
    """SHA-256 of the graph and all parameters: a calibration belongs to one model."""
    digest = hashlib.sha256(graph.fingerprint.encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _fit(method: str, examples: Examples, chosen: BoolArray) -> tuple[Curve, dict[int, Curve]]:
    """The shared curve and those of relations with enough true triples among the chosen examples."""
    fit = CURVES[method].fit
    relation, score, true = examples.relation[chosen], examples.score[chosen], examples.true[chosen]
    shared = fit(score, true, balanced(true))
    if shared is None:  # the model is no better than a coin: every score means one half
        shared = CURVES[method].from_mapping(_NO_IDEA[method])
    own: dict[int, Curve] = {}
    for r in np.flatnonzero(np.bincount(relation, weights=true) >= ENOUGH):
        of_relation = relation == r
        if true[of_relation].all():
            continue
        curve = fit(score[of_relation], true[of_relation], balanced(true[of_relation]))
        if curve is not None:
            own[int(r)] = curve
    return shared, own


_NO_IDEA: dict[str, dict[str, Any]] = {
    "platt": {"slope": 0.0, "intercept": 0.0},
    "isotonic": {"scores": [0.0], "probabilities": [0.5]},
}


def _apply(shared: Curve, own: dict[int, Curve], relation: IntArray, score: FloatArray) -> FloatArray:
    probability = shared(score)
    for r, curve in own.items():
        of_relation = relation == r
        probability[of_relation] = curve(score[of_relation])
    return probability
