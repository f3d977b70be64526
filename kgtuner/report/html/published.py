"""What others published for a graph and a model, to stand beside what a run reached on test."""

from __future__ import annotations

import json
from dataclasses import dataclass

from kgtuner.graph.catalog import DATASETS, dataset_card
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.shipped import shipped_folder

LIBKGE = "https://github.com/uma-pi1/kge"
CODEX = "https://github.com/tsafavi/codex"
MRR_AND_HITS = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10")
LIBKGE_TEST: dict[str, dict[str, dict[str, float]]] = {
    # https://github.com/uma-pi1/kge/blob/0152d6fed64150c84fcf16d78dce9d624627dc7f/README.md,
    # "Results and pretrained models": filtered, on all test triples, by its own hyper-parameter search.
    "fb15k-237": {
        "rescal": {"mrr": 0.356, "hits_at_1": 0.263, "hits_at_3": 0.393, "hits_at_10": 0.541},
        "transe": {"mrr": 0.313, "hits_at_1": 0.221, "hits_at_3": 0.347, "hits_at_10": 0.497},
        "distmult": {"mrr": 0.343, "hits_at_1": 0.250, "hits_at_3": 0.378, "hits_at_10": 0.531},
        "complex": {"mrr": 0.348, "hits_at_1": 0.253, "hits_at_3": 0.384, "hits_at_10": 0.536},
        "conve": {"mrr": 0.339, "hits_at_1": 0.248, "hits_at_3": 0.369, "hits_at_10": 0.521},
    },
    "wn18rr": {
        "rescal": {"mrr": 0.467, "hits_at_1": 0.439, "hits_at_3": 0.480, "hits_at_10": 0.517},
        "transe": {"mrr": 0.228, "hits_at_1": 0.053, "hits_at_3": 0.368, "hits_at_10": 0.520},
        "distmult": {"mrr": 0.452, "hits_at_1": 0.413, "hits_at_3": 0.466, "hits_at_10": 0.530},
        "complex": {"mrr": 0.475, "hits_at_1": 0.438, "hits_at_3": 0.490, "hits_at_10": 0.547},
        "conve": {"mrr": 0.442, "hits_at_1": 0.411, "hits_at_3": 0.451, "hits_at_10": 0.504},
    },
    # https://github.com/tsafavi/codex/blob/00f14b4cb126ae791718352a1bdf3e88a6b0f76a/README.md,
    # "Link prediction results": trained with LibKGE; without Hits@3 and DistMult.
    "codex-s": {
        "rescal": {"mrr": 0.404, "hits_at_1": 0.293, "hits_at_10": 0.623},
        "transe": {"mrr": 0.354, "hits_at_1": 0.219, "hits_at_10": 0.634},
        "complex": {"mrr": 0.465, "hits_at_1": 0.372, "hits_at_10": 0.646},
        "conve": {"mrr": 0.444, "hits_at_1": 0.343, "hits_at_10": 0.635},
    },
    "codex-m": {
        "rescal": {"mrr": 0.317, "hits_at_1": 0.244, "hits_at_10": 0.456},
        "transe": {"mrr": 0.303, "hits_at_1": 0.223, "hits_at_10": 0.454},
        "complex": {"mrr": 0.337, "hits_at_1": 0.262, "hits_at_10": 0.476},
        "conve": {"mrr": 0.318, "hits_at_1": 0.239, "hits_at_10": 0.464},
    },
    "codex-l": {
        "rescal": {"mrr": 0.304, "hits_at_1": 0.242, "hits_at_10": 0.419},
        "transe": {"mrr": 0.187, "hits_at_1": 0.116, "hits_at_10": 0.317},
        "complex": {"mrr": 0.294, "hits_at_1": 0.237, "hits_at_10": 0.400},
        "conve": {"mrr": 0.303, "hits_at_1": 0.240, "hits_at_10": 0.420},
    },
}
"""Graph -> model -> test metrics, as far as known."""


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
        by_codex = graph.name.startswith("codex")
        title, source = ("CoDEx with LibKGE", CODEX) if by_codex else ("LibKGE", LIBKGE)
        found.append(Published(title, source, known))
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
