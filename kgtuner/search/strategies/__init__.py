"""Whole searches by name. A new one is one file and one line here."""

from __future__ import annotations

from kgtuner.search.strategies.autone import autone
from kgtuner.search.strategies.base import FULL, Answer, Asking, Fidelity, Problem, Request, Strategy
from kgtuner.search.strategies.grash import grash
from kgtuner.search.strategies.racing import racing
from kgtuner.search.strategies.toss import toss

STRATEGIES: dict[str, Strategy] = {
    "toss": Strategy(toss, trainings=10, subgraphs=(0.2,), space="reduced"),
    "grash": Strategy(grash, trainings=3, beyond=1, subgraphs=(0.1, 0.2, 0.4), method="k_core", space="full"),
    "autone": Strategy(autone, trainings=10, subgraphs=(0.1, 0.2), space="full"),
    "racing": Strategy(racing, trainings=4, subgraphs=(0.2,), space="whole", ours=True),
}

__all__ = ["FULL", "STRATEGIES", "Answer", "Asking", "Fidelity", "Problem", "Request", "Strategy"]
