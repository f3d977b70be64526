"""What others published for a graph and a model, to stand beside what a run reached on test."""

from __future__ import annotations

import json
from dataclasses import dataclass

from kgtuner.graph.catalog import DATASETS, dataset_card
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.shipped import shipped_folder

LIBKGE = "https://github.com/uma-pi1/kge"
"""Its README lists filtered test metrics of its own hyper-parameter search."""

MRR_AND_HITS = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10")
LIBKGE_TEST: dict[str, dict[str, tuple[float, ...]]] = {
    "fb15k-237": {
        "rescal": (0.356, 0.263, 0.393, 0.541),
        "transe": (0.313, 0.221, 0.347, 0.497),
        "distmult": (0.343, 0.250, 0.378, 0.531),
        "complex": (0.348, 0.253, 0.384, 0.536),
        "conve": (0.339, 0.248, 0.369, 0.521),
    },
    "wn18rr": {
        "rescal": (0.467, 0.439, 0.480, 0.517),
        "transe": (0.228, 0.053, 0.368, 0.520),
        "distmult": (0.452, 0.413, 0.466, 0.530),
        "complex": (0.475, 0.438, 0.490, 0.547),
        "conve": (0.442, 0.411, 0.451, 0.504),
    },
    "codex-s": {"transe": (0.354,), "complex": (0.465,), "conve": (0.444,)},
}
"""Graph -> model -> test MRR and Hits@1, 3, 10, as far as known."""


@dataclass(frozen=True)
class Published:
    """Test metrics by name, and who says so."""

    title: str
    source: str
    metrics: dict[str, float]


def published_for(graph: KnowledgeGraph, model: str) -> list[Published]:
    """What is known for this graph and model; nothing when the graph only has the name of a data set, not its size."""
    if graph.name not in DATASETS:
        return []
    counts = dataset_card(graph.name).counts
    sizes = (counts.entities, counts.relations, counts.train, counts.valid, counts.test)
    if sizes != (graph.n_entities, graph.n_relations, len(graph.train), len(graph.valid), len(graph.test)):
        return []
    found = []
    ours = _of_the_paper(graph.name, model)
    if ours:
        found.append(Published("KGTuner, ACL 2022", "https://arxiv.org/abs/2205.02460", ours))
    if known := LIBKGE_TEST.get(graph.name, {}).get(model):
        found.append(Published("LibKGE", LIBKGE, dict(zip(MRR_AND_HITS, known, strict=False))))
    return found


def _of_the_paper(graph: str, model: str) -> dict[str, float]:
    path = shipped_folder("configs") / "published.json"
    if graph.startswith("ogbl") or not path.exists():  # OGB ranks among given candidates: not comparable
        return {}
    models = json.loads(path.read_text(encoding="utf-8"))["datasets"].get(graph, {})
    for name, entry in models.items():
        if name.lower() == model:
            return {
                k: entry["published"][f"test_{k}"] for k in MRR_AND_HITS if f"test_{k}" in entry["published"]
            }
    return {}
