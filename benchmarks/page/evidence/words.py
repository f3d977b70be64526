"""How tables, hyper-parameters and searches are called, and how a figure is shown."""

from __future__ import annotations

from typing import Any

Figures = dict[str, Any]
GRAPHS = {"codex-s-complex": "CoDEx-S", "umls-complex": "UMLS"}
TABLES = {
    "umls-complex": "UMLS, ComplEx",
    "codex-s-complex": "CoDEx-S, ComplEx",
    "codex-s-distmult": "CoDEx-S, DistMult",
    "codex-s-transe": "CoDEx-S, TransE",
    "wn18rr-complex": "WN18RR, ComplEx",
}
"""All of benchmarks/tabular/data; one is shown where it has rows enough for what is shown."""
SUBGRAPHS = {
    "walk-0.2": "random walk, 20%, ten starts",
    "walk-0.2-second": "random walk, 20%, another seed",
    "single-0.2": "random walk, 20%, one start",
    "walk-0.2-scaled": "random walk, 20%, fewer negatives",
    "walk-0.05": "random walk, 5%",
    "walk-0.1": "random walk, 10%",
    "walk-0.4": "random walk, 40%",
    "pagerank-0.2": "PageRank nodes, 20%",
    "edges-0.2": "random edges, 20%",
    "core-0.2": "k-core, at most 20%, fewer negatives",
    "walk-0.2 + walk-0.2-second": "two random walks, 20% each",
}
HYPER_PARAMETERS = {
    "optimizer.name": ("optimiser", "fixed: adam"),
    "model.inverse_relations": ("inverse relations", "fixed: shared"),
    "optimizer.learning_rate": ("learning rate", "0.0001 to 0.1"),
    "regularizer.weight": ("regularisation weight", "1e-08 to 0.01"),
    "model.dropout": ("dropout", "up to 0.3"),
    "training.batch_size": ("batch size", "larger is better"),
    "model.dimension": ("dimension", "larger is better"),
    "training.mode": ("training mode", "no pattern"),
    "negatives.num_negatives": ("number of negatives", "no pattern"),
    "loss.name": ("loss", "no pattern"),
    "loss.margin": ("margin of the loss", "no pattern"),
    "model.margin": ("margin of the score", "no pattern"),
    "loss.adversarial_temperature": ("adversarial temperature", "no pattern"),
    "regularizer.name": ("regulariser", "no pattern"),
    "model.initializer": ("initialiser", "no pattern"),
}
"""What they are called, and which group each has in section 4 of the paper."""


def short(value: float) -> str:
    """Three decimals, without the zero before them."""
    shown = f"{round(value, 3) + 0.0:.3f}"  # no minus before a zero
    return shown.replace("0.", ".", 1) if abs(value) < 1 else shown


def range_of(figure: Figures, value: str) -> str:
    return f"{short(figure[value])} ({short(figure['low'])} to {short(figure['high'])})"


def p_of(p: float) -> str:
    return "< .001" if p < 0.001 else short(p)
