"""What `kgtuner export --to pykeen` writes, read and run by PyKEEN itself.

PyKEEN is an extra (kgtuner[pykeen]); without it these tests are skipped.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import kgtuner as kt
from kgtuner.config import TrialConfig
from kgtuner.exchange.converted import Sizes
from kgtuner.exchange.pykeen_load import evaluate as evaluate_by_the_peer
from kgtuner.exchange.pykeen_run import run as run_by_the_peer
from kgtuner.exchange.to_pykeen import pykeen_pipeline
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.losses import LOSSES, Answers
from kgtuner.parts import build_model
from kgtuner.regularizers import REGULARIZERS

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]  # the peer's own warnings are not ours

SHARED, OWN = {"inverse_relations": "shared"}, {"inverse_relations": "independent"}
MODELS: list[tuple[str, dict[str, Any]]] = [
    *((name, inverse) for name in ("complex", "distmult", "rescal", "autosf") for inverse in (SHARED, OWN)),
    ("transe", {"norm": 1, **SHARED}),
    ("transe", {"norm": 2, **OWN}),
    ("rotate", SHARED),
    ("rotate", OWN),
    ("tucker", {"relation_dimension": 5, **OWN}),
    ("tucker", {"query_norm": False, **SHARED}),
    ("conve", {"entity_bias": True, "filters": 4, **OWN}),
    ("conve", {"filters": 4, **SHARED}),
]
IDS = ["-".join([name, *(str(v) for v in options.values())]) for name, options in MODELS]


@pytest.fixture(scope="module", autouse=True)
def peer() -> None:
    pytest.importorskip("pykeen", reason="pykeen comes with kgtuner[pykeen]")


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    """Forty entities whose names would break a table that quotes or splits, and four relations."""
    rng = np.random.default_rng(0)
    triples = rng.permutation(np.unique(rng.integers([40, 4, 40], size=(700, 3)), axis=0))
    entities = [f'e{i} "x"\t%20\n{i}' for i in range(38)] + ["NA", " leading"]
    return KnowledgeGraph.from_arrays(
        triples[:450], triples[450:550], triples[550:], entities=entities, relations=["r", "r 2", "#", "null"]
    )


def config_of(name: str, options: dict[str, Any], **sections: Any) -> TrialConfig:
    dimension = 12 if name == "autosf" else 60 if name == "conve" else 6
    mapping: dict[str, Any] = {
        "model": {
            "name": name,
            "dimension": dimension,
            "initializer": "normal",
            "initializer_scale": 0.5,
            **options,
        },
        "loss": "cross_entropy",
        "negatives": {"name": "independent", "num_negatives": 8},
        "training": {"batch_size": 64, "max_steps": 10, "validate_every": 5},
    }
    return TrialConfig.from_mapping({**mapping, **sections})


def exported(config: TrialConfig, graph: KnowledgeGraph, place: Path) -> Path:
    kt.train(graph, config, output=place / "run", device="cpu")
    kt.export(place / "run", to="pykeen", output=place / "out")
    return place / "out"


@pytest.mark.parametrize(("name", "options"), MODELS, ids=IDS)
def test_trained_model_has_the_same_metrics_in_the_peer(
    name: str, options: dict[str, Any], graph: KnowledgeGraph, tmp_path: Path
) -> None:
    folder = exported(config_of(name, options), graph, tmp_path)
    ours = kt.evaluate(tmp_path / "run").overall
    theirs = evaluate_by_the_peer(folder)
    assert theirs["mrr"] == pytest.approx(ours.mrr, abs=1e-5)
    assert theirs["hits_at_1"] == pytest.approx(ours.hits_at_1, abs=1e-5)
    assert theirs["hits_at_10"] == pytest.approx(ours.hits_at_10, abs=1e-5)
    assert json.loads((folder / "pipeline.json").read_text())["pipeline"]["model"].lower() == name


def test_normalised_tucker_with_shared_inverses_is_said_to_differ(
    graph: KnowledgeGraph, tmp_path: Path
) -> None:
    kt.train(graph, config_of("tucker", SHARED), output=tmp_path / "run", device="cpu")
    result = kt.export(tmp_path / "run", to="pykeen", output=tmp_path / "out")
    assert any(sentence.startswith("weights: PyKEEN normalises") for sentence in result.not_converted)
    assert evaluate_by_the_peer(tmp_path / "out")["mrr"] != pytest.approx(
        kt.evaluate(tmp_path / "run").overall.mrr, abs=1e-3
    )


def sampled(loss: Any) -> dict[str, Any]:
    return {"loss": loss, "negatives": {"name": "independent", "num_negatives": 3}}


FRO = {"regularizer": {"name": "frobenius", "weight": 0.1}}
RUNS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("complex", OWN, {"regularizer": {"name": "nuclear", "weight": 0.1}, "training": {"mode": "k_vs_all"}}),
    ("distmult", SHARED, {**FRO, "training": {"mode": "one_vs_all"}}),
    ("rescal", SHARED, {**FRO, "loss": "bce_mean", "training": {"mode": "one_vs_all"}}),
    ("rescal", OWN, {"regularizer": {"name": "dura"}, "loss": "bce_sum", "training": {"mode": "k_vs_all"}}),
    ("autosf", OWN, {**FRO, "training": {"mode": "one_vs_all"}}),
    (
        "tucker",
        OWN,
        {**FRO, "loss": {"name": "bce_mean", "label_smoothing": 0.1}, "training": {"mode": "k_vs_all"}},
    ),
    ("conve", {"filters": 4, **OWN}, {"loss": {"name": "cross_entropy", "label_smoothing": 0.1}}),
    ("transe", SHARED, {**FRO, **sampled({"name": "margin_ranking", "margin": 2.0})}),
    ("rotate", OWN, {**FRO, **sampled("bce_adversarial")}),
    ("transe", SHARED, {**sampled("bce_sum"), "optimizer": {"name": "sgd", "learning_rate": 0.1}}),
    ("distmult", OWN, {**sampled("bce_mean"), "negatives": {"name": "shared", "num_negatives": 3}}),
]


def one_sided(pipeline: dict[str, Any]) -> bool:
    """Whether an epoch there asks about one side of each triple, where ours asks about both."""
    return pipeline["training_loop"] == "slcwa" and not pipeline["dataset_kwargs"]["create_inverse_triples"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "sections"), RUNS, ids=[f"{i}-{r[0]}" for i, r in enumerate(RUNS)]
)
def test_smoke_peer_accepts_the_pipeline_and_trains_to_its_end(
    name: str,
    options: dict[str, Any],
    sections: dict[str, Any],
    graph: KnowledgeGraph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training = {"batch_size": 64, "max_epochs": 2, "validate_every": 5, **sections.get("training", {})}
    folder = exported(config_of(name, options, **{**sections, "training": training}), graph, tmp_path)
    if name == "autosf":
        result = run_by_the_peer(folder, use_tqdm=False, device="cpu")
    else:
        from pykeen.pipeline import pipeline_from_path

        monkeypatch.chdir(folder)
        result = pipeline_from_path("pipeline.json", use_tqdm=False, device="cpu")
    # How well it learns is measured in benchmarks/exchange.py: these triples are drawn at random.
    pipeline = json.loads((folder / "pipeline.json").read_text())["pipeline"]
    assert pipeline["training_kwargs"]["num_epochs"] == (4 if one_sided(pipeline) else 2)
    assert len(result.losses) == pipeline["training_kwargs"]["num_epochs"]
    assert all(math.isfinite(loss) for loss in result.losses)
    assert result.training.num_entities == 40
    assert type(result.model).__name__.lower() == name


SIZES = Sizes(n_entities=7, n_relations=2, n_train=20, n_queries=30)


def converted(name: str, options: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    config = config_of(name, options, regularizer={"name": "frobenius", "weight": 1.0}, **sections)
    model = build_model(config.model, SIZES.n_entities, SIZES.n_relations)
    return pykeen_pipeline(config, model, SIZES, seed=0)[0]


def peers_loss(values: dict[str, Any]) -> Any:
    from pykeen.losses import loss_resolver

    return loss_resolver.make(values["loss"], values["loss_kwargs"])


@pytest.mark.parametrize("loss", ["bce_mean", "bce_sum", "bce_adversarial", "cross_entropy"])
@pytest.mark.parametrize("model", ["transe", "distmult"])
def test_loss_of_negatives_keeps_its_proportion_to_the_regulariser(model: str, loss: str) -> None:
    if (model, loss) == ("transe", "bce_sum"):
        pytest.skip("has no counterpart, and the export says so")
    values = converted(model, SHARED, sampled(loss))
    rng = torch.Generator().manual_seed(0)
    positive, negative = torch.randn(4, generator=rng), torch.randn(4, 3, generator=rng)
    offset = 9.0 if model == "transe" else 0.0  # TransE's default margin
    ours = LOSSES[loss]().sampled(positive + offset, negative + offset, None, torch.full((4,), 0.25))
    theirs = peers_loss(values).process_slcwa_scores(positive[:, None], negative)
    scale = 2 * values["regularizer_kwargs"]["weight"]  # there positives and negatives are regularised
    torch.testing.assert_close(theirs, scale * ours)


@pytest.mark.parametrize("mode", ["one_vs_all", "k_vs_all"])
@pytest.mark.parametrize("loss", ["bce_mean", "bce_sum", "cross_entropy", "cross_entropy-sum"])
def test_loss_over_all_entities_keeps_its_proportion_to_the_regulariser(mode: str, loss: str) -> None:
    name, _, reduction = loss.partition("-")
    options = {"reduction": reduction} if reduction else {}
    inverse = SHARED if mode == "one_vs_all" else OWN
    values = converted("distmult", inverse, {"loss": {"name": name, **options}, "training": {"mode": mode}})
    assert values["training_loop"] == ("symmetriclcwa" if mode == "one_vs_all" else "lcwa")
    scores = torch.randn(4, 7, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(4, 7)
    labels[torch.arange(4), torch.tensor([0, 3, 3, 6])] = 1
    if mode == "k_vs_all":
        labels[1, 5] = 1
    rows, columns = labels.nonzero(as_tuple=True)
    answers = Answers(rows, columns, labels.sum(1), torch.full((4,), 0.25))
    ours = LOSSES[name](**options).all_entities(scores.clone(), answers).loss
    peer = peers_loss(values)
    if mode == "k_vs_all":
        theirs = peer.process_lcwa_scores(scores, labels)
    else:  # two triples, each with both of its sides
        theirs = peer.process_lcwa_scores(scores[:2], labels[:2]) + peer.process_lcwa_scores(
            scores[2:], labels[2:]
        )
    torch.testing.assert_close(theirs, values["regularizer_kwargs"]["weight"] * ours)


@pytest.mark.parametrize(("name", "power"), [("frobenius", 2.0), ("nuclear", 3.0)])
def test_regulariser_of_the_peer_is_ours_on_the_same_rows(name: str, power: float) -> None:
    from pykeen.regularizers import PowerSumRegularizer

    rng = torch.Generator().manual_seed(0)
    h, r, t = (torch.randn(5, 6, generator=rng) for _ in range(3))
    theirs = PowerSumRegularizer(weight=1.0, p=power, normalize=False)
    ours = REGULARIZERS[name]().penalty(h, r, t, h).mean()
    torch.testing.assert_close(theirs(h) + theirs(r) + theirs(t), ours)
