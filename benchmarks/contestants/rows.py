"""What is compared: each row one kind of work, each contestant the function that builds it and its arguments."""

from __future__ import annotations

from typing import Any

GRAPH = "wn18rr"
BATCH = 512
NEGATIVES = 128
RATE = 0.1
PEERS = ("pykeen", "torchkge")
PEER_NAMES = {"pykeen": "PyKEEN", "torchkge": "TorchKGE"}
LIBKGE_QUERIES, LIBKGE_LIMIT = 684, 1_800
"""LibKGE's ComplEx, 1vsAll, cross entropy, 200 reals, in queries/s, and the fp32 matmul limit measured with it."""
SAMPLE = {"pykeen": 256, "torchkge": 64}
"""Validation triples that a peer ranks; the time is scaled to all of them."""
PYKEEN_CONVE_BATCH = 32
"""PyKEEN's ConvE multiplies each query with each entity number by number: a batch of 512 needs more than 20 GB."""

ADVERSARIAL = {"loss": "bce_adversarial"}
ALL = {"mode": "one_vs_all"}
# row -> contestant -> (module of this folder, function that builds it, its arguments)
ROWS: dict[str, dict[str, tuple[str, str, dict[str, Any]]]] = {
    "complex-shared": {
        "ours": ("ours", "training", {"model": "complex", "dimension": 200, "negatives": "shared"}),
        "pykeen": ("pykeen_peer", "training", {"model": "ComplEx", "width": 100}),
        "torchkge": ("torchkge_peer", "training", {"model": "complex", "width": 100}),
    },
    "complex-independent": {
        "ours": ("ours", "training", {"model": "complex", "dimension": 200}),
        "pykeen": ("pykeen_peer", "training", {"model": "ComplEx", "width": 100}),
        "torchkge": ("torchkge_peer", "training", {"model": "complex", "width": 100}),
    },
    "transe-independent": {
        "ours": ("ours", "training", {"model": "transe", "dimension": 100, **ADVERSARIAL}),
        "pykeen": ("pykeen_peer", "training", {"model": "TransE", "width": 100, "loss": "nssa"}),
        "torchkge": ("torchkge_peer", "training", {"model": "transe", "width": 100}),
    },
    "rotate-independent": {
        "ours": ("ours", "training", {"model": "rotate", "dimension": 100, **ADVERSARIAL}),
        "pykeen": ("pykeen_peer", "training", {"model": "RotatE", "width": 50, "loss": "nssa"}),
    },
    "complex-1vsall-fp32": {
        "ours": ("ours", "training", {"model": "complex", "dimension": 200, **ALL}),
        "pykeen": ("pykeen_peer", "training", {"model": "ComplEx", "width": 100, "all_entities": True}),
        "limit": ("limits", "three_matmuls", {"precision": "fp32"}),
    },
    "complex-1vsall-bf16": {
        "ours": ("ours", "training", {"model": "complex", "dimension": 200, "precision": "bf16", **ALL}),
        "limit": ("limits", "three_matmuls", {"precision": "bf16"}),
    },
    "conve-1vsall-fp32": {
        "ours": ("ours", "training", {"model": "conve", "dimension": 200, **ALL}),
        "pykeen": (
            "pykeen_peer",
            "training",
            {"model": "ConvE", "width": 200, "all_entities": True, "batch": PYKEEN_CONVE_BATCH},
        ),
        "limit": ("limits", "conve_operators", {"precision": "fp32"}),
    },
    "conve-1vsall-bf16": {
        "ours": ("ours", "training", {"model": "conve", "dimension": 200, "precision": "bf16", **ALL}),
        "limit": ("limits", "conve_operators", {"precision": "bf16"}),
    },
    "ranking-complex": {
        "ours": ("ours", "ranking", {"model": "complex", "dimension": 200}),
        "pykeen": ("pykeen_peer", "ranking", {"model": "ComplEx", "width": 100}),
        "torchkge": ("torchkge_peer", "ranking", {"model": "complex", "width": 100}),
        "limit": ("limits", "score_matmuls", {}),
    },
    "ranking-transe": {
        "ours": ("ours", "ranking", {"model": "transe", "dimension": 100}),
        "pykeen": ("pykeen_peer", "ranking", {"model": "TransE", "width": 100}),
        "torchkge": ("torchkge_peer", "ranking", {"model": "transe", "width": 100}),
    },
    "ranking-rotate": {
        "ours": ("ours", "ranking", {"model": "rotate", "dimension": 100}),
        "pykeen": ("pykeen_peer", "ranking", {"model": "RotatE", "width": 50}),
    },
}
WHAT = {
    "complex-shared": "ComplEx 200 reals, 128 shared negatives (peers: independent)",
    "complex-independent": "ComplEx 200 reals, 128 independent negatives",
    "transe-independent": "TransE 100, L1, 128 independent negatives",
    "rotate-independent": "RotatE 100 reals, 128 independent negatives",
    "complex-1vsall-fp32": "ComplEx 200 reals, all entities, cross entropy, fp32",
    "complex-1vsall-bf16": "ComplEx 200 reals, all entities, cross entropy, bf16 matmuls",
    "conve-1vsall-fp32": "ConvE 200, all entities, cross entropy, fp32",
    "conve-1vsall-bf16": "ConvE 200, all entities, cross entropy, bf16 matmuls",
    "ranking-complex": "filtered ranking of valid, ComplEx 200 reals",
    "ranking-transe": "filtered ranking of valid, TransE 100, L1",
    "ranking-rotate": "filtered ranking of valid, RotatE 100 reals",
}


def is_ranking(row: str) -> bool:
    """Whether a row's unit is seconds for the validation split; otherwise it is queries per second."""
    return row.startswith("ranking")
