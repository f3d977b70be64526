"""The same embeddings on the same graph get the same filtered metrics from PyKEEN's evaluator.

PyKEEN is an extra (kgtuner[pykeen]); without it these tests are skipped.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kgtuner.evaluation.evaluator import evaluate_split
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS, Model

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]  # the peer's own warnings are not ours

N, R = 40, 4
NAMES = {
    "mrr": "inverse_harmonic_mean_rank",
    "mean_rank": "arithmetic_mean_rank",
    "hits_at_1": "hits_at_1",
    "hits_at_3": "hits_at_3",
    "hits_at_10": "hits_at_10",
    "adjusted_mean_rank_index": "adjusted_arithmetic_mean_rank_index",
}


def graph() -> KnowledgeGraph:
    """Dense enough for every query to have several answers over the three splits."""
    triples = np.unique(np.random.default_rng(0).integers([N, R, N], size=(900, 3)), axis=0)
    triples = np.random.default_rng(1).permutation(triples)
    return KnowledgeGraph.from_arrays(triples[:500], triples[500:650], triples[650:])


def made(name: str, *, whole_numbers: bool, **options: Any) -> Model:
    options = {"dimension": 6, "initializer": "normal", "initializer_scale": 1.0, **options}
    model = MODELS[name](N, R, **options).double()
    generator = torch.Generator().manual_seed(7)
    model.initialize(generator)
    if whole_numbers:  # exact in floating point, so that ties are ties for everyone
        with torch.no_grad():
            for table in (model.entities, model.relations):
                table.copy_(torch.randint(-1, 2, table.shape, generator=generator).double())
    return model


def complex_rows(rows: Tensor) -> Tensor:
    """(n, 2k) real parts, then imaginary parts, to (n, k) complex numbers."""
    re, im = rows.detach().chunk(2, 1)
    return torch.complex(re, im)


def of_the_peer(model: Model, given: KnowledgeGraph, name: str) -> Any:
    """PyKEEN's model of the same name with the same embeddings in its own form."""
    from pykeen.models import ERModel
    from pykeen.nn.init import PretrainedInitializer
    from pykeen.nn.modules import (
        ComplExInteraction,
        DistMultInteraction,
        RotatEInteraction,
        TransEInteraction,
    )
    from pykeen.triples import CoreTriplesFactory

    entities, relations = model.entities.detach(), model.relations.detach()
    interaction: Any
    if name == "complex":
        interaction = ComplExInteraction()
        entities, relations = complex_rows(entities), complex_rows(relations)
    elif name == "rotate":
        # PyKEEN's RotatE is a Euclidean norm whatever `p` says; published, and ours, is the sum of the moduli.
        # With one complex coordinate they are the same; with more the peer's evaluator gets the published one.
        interaction = RotatEInteraction() if model.dimension == 2 else sum_of_moduli()()
        phase = relations * (math.pi / model.initializer_scale)
        entities, relations = complex_rows(entities), torch.complex(phase.cos(), phase.sin())
    elif name == "transe":
        interaction = TransEInteraction(p=model.norm)
    else:
        interaction = DistMultInteraction()
    factory = CoreTriplesFactory.create(torch.tensor(given.train), num_entities=N, num_relations=R)
    peer = ERModel(
        triples_factory=factory,
        interaction=interaction,
        entity_representations_kwargs=_pretrained(entities, PretrainedInitializer),
        relation_representations_kwargs=_pretrained(relations, PretrainedInitializer),
        random_seed=0,
    )
    return peer


def sum_of_moduli() -> Any:
    """PyKEEN's RotatE with the published norm."""
    from pykeen.nn.modules import RotatEInteraction

    class SumOfModuli(RotatEInteraction):  # type: ignore[misc]
        def forward(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
            return -(h * r - t).abs().sum(-1)

    return SumOfModuli


def _pretrained(rows: Tensor, initializer: Any) -> dict[str, Any]:
    values = torch.view_as_real(rows) if rows.is_complex() else rows  # the peer stores pairs
    return {"shape": rows.shape[1:], "initializer": initializer(values), "dtype": rows.dtype}


@pytest.mark.parametrize("whole_numbers", [False, True], ids=["random", "many-ties"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("complex", {}),
        ("distmult", {}),
        ("transe", {"norm": 1}),
        ("transe", {"norm": 2}),
        ("rotate", {}),
        ("rotate", {"dimension": 2}),
    ],
    ids=["complex", "distmult", "transe-l1", "transe-l2", "rotate", "rotate-one-coordinate"],
)
def test_peer_gives_the_same_metrics(name: str, options: dict[str, Any], whole_numbers: bool) -> None:
    pytest.importorskip("pykeen", reason="pykeen comes with kgtuner[pykeen]")
    if name == "rotate" and whole_numbers:
        pytest.skip("sines and cosines are not exact, so a tie for one is none for the other")
    from pykeen.evaluation import RankBasedEvaluator

    given = graph()
    model = made(name, whole_numbers=whole_numbers, **options)
    ours = evaluate_split(model, given, "test")
    theirs = RankBasedEvaluator(filtered=True).evaluate(
        of_the_peer(model, given, name),
        torch.tensor(given.test),
        batch_size=64,
        device=torch.device("cpu"),
        use_tqdm=False,
        additional_filter_triples=[torch.tensor(given.train), torch.tensor(given.valid)],
    )
    for side, metrics in {"both": ours.overall, **ours.by_direction}.items():
        for own_name, their_name in NAMES.items():
            expected = theirs.get_metric(f"{side}.realistic.{their_name}")
            assert getattr(metrics, own_name) == pytest.approx(expected, abs=1e-6), f"{side} {own_name}"
    if whole_numbers:  # the ties are there: an optimistic rank would look better
        assert theirs.get_metric("both.optimistic.mean_rank") < ours.overall.mean_rank - 0.1
