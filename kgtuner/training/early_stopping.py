"""When to halve the learning rate and when to stop, from the validations so far."""

from __future__ import annotations

import math
from dataclasses import dataclass

RELATIVE_GAIN = 1e-4
"""A validation counts as progress for the learning rate when it gains at least this share."""


@dataclass
class EarlyStopping:
    """Watches one number that is better when larger.

    The learning rate is halved at the third validation in a row without a relative gain of 1e-4, and
    training stops after five without a better value. Source: section 5 of the method, as published
    with "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022).

    Attributes:
        patience: validations in a row without a better value before training stops.
        halve_after: the same for halving, None to keep the learning rate.
    """

    patience: int
    halve_after: int | None = None
    best: float = -math.inf
    since_best: int = 0
    reference: float = -math.inf
    since_gain: int = 0

    def observe(self, value: float) -> bool:
        """Take in one validation; True when it is the best so far."""
        first = self.reference == -math.inf
        if first or value > self.reference + RELATIVE_GAIN * abs(self.reference):
            self.reference, self.since_gain = value, 0
        else:
            self.since_gain += 1
        improved = value > self.best
        if improved:
            self.best, self.since_best = value, 0
        else:
            self.since_best += 1
        return improved

    def halve_now(self) -> bool:
        """Whether this validation asks for half the learning rate; asking again starts a new count."""
        if self.halve_after is not None and self.since_gain >= self.halve_after:
            self.since_gain = 0
            return True
        return False

    @property
    def stop(self) -> bool:
        return self.since_best >= self.patience
