"""How well true and false triples are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kgtuner.types import BoolArray


@dataclass(frozen=True)
class ClassificationMetrics:
    """Counts of judged triples, and what follows from them; of all four figures 1 is best.

    Attributes:
        true_positives: true triples taken for true.
        false_positives: false triples taken for true.
        true_negatives: false triples taken for false.
        false_negatives: true triples taken for false.
    """

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    @classmethod
    def of(cls, label: BoolArray, true: BoolArray) -> ClassificationMetrics:
        """Compare (n,) verdicts with (n,) truth."""
        return cls(
            true_positives=int((label & true).sum()),
            false_positives=int((label & ~true).sum()),
            true_negatives=int((~label & ~true).sum()),
            false_negatives=int((~label & true).sum()),
        )

    @property
    def accuracy(self) -> float:
        """Share of the triples that were judged rightly."""
        right = self.true_positives + self.true_negatives
        return _share(right, right + self.false_positives + self.false_negatives)

    @property
    def precision(self) -> float:
        """Share of what was taken for true that is true."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the true triples that was taken for true."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        wrong = self.false_positives + self.false_negatives
        return _share(2 * self.true_positives, 2 * self.true_positives + wrong)

    def to_mapping(self) -> dict[str, Any]:
        figures = {name: getattr(self, name) for name in ("accuracy", "precision", "recall", "f1")}
        return {**figures, **vars(self)}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
