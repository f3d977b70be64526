"""Which graph a trial was trained on: the full one, or a subgraph of some kind and share. Values compare within one."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.trial import FrozenTrial

from kgtuner.execution.storage import value_of

GRAPH = "graph"
"""Attribute of a trial of a strategy: "full", or the sampler and the share of its subgraph, such as k_core-0.4."""

KINDS = {"random_walk": "walk", "k_core": "core", "pagerank_nodes": "PageRank", "random_edges": "edges"}


def fidelity_of(stage: str, trial: FrozenTrial, subgraph_ratio: float) -> str:
    """The graph of a trial in words: "full", "walk 20%", "core 40%".

    Args:
        subgraph_ratio: of the one subgraph of a run that is no strategy.
    """
    if stage == "full":
        return "full"
    method, share = _graph_of(trial) or ("random_walk", subgraph_ratio)
    return f"{KINDS.get(method, method)} {100 * share:.4g}%"


def comparable(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Of trials on several subgraphs, those with a value on the largest that has any: no others compare with them."""
    done = [trial for trial in trials if value_of(trial) is not None]
    largest = max((_share(trial) for trial in done), default=0.0)
    return [trial for trial in done if _share(trial) == largest]


def _share(trial: FrozenTrial) -> float:
    graph = _graph_of(trial)
    return 0.0 if graph is None else graph[1]


def _graph_of(trial: FrozenTrial) -> tuple[str, float] | None:
    method, _, share = str(trial.user_attrs.get(GRAPH, "")).rpartition("-")
    try:
        return (method, float(share)) if method else None
    except ValueError:
        return None
