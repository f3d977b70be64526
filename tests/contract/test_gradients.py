"""What a training step returns is what autograd gives for the plain definition through the full tables.

Every model with every training mode, loss and regulariser, in double precision, for both forms of
inverse relations, row-sparse and dense, with all-entity scores in several chunks.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kgtuner import kernels
from kgtuner.graph.known_answers import KnownAnswers
from kgtuner.losses import LOSSES
from kgtuner.models import MODELS, Model
from kgtuner.negatives import NEGATIVES
from kgtuner.regularizers import REGULARIZERS
from kgtuner.training import contest
from kgtuner.training.all_entities import AllEntitiesStep
from kgtuner.training.negative_sampling import NegativeSamplingStep
from kgtuner.training.optimizers import OPTIMIZERS
from kgtuner.training.queries import TrainingQueries
from kgtuner.training.row_gradient import RowSums
from kgtuner.training.steps import Gradient

N, R = 8, 2
TRAIN = np.array(
    [
        *([0, 0, 1], [0, 0, 2], [0, 0, 5], [1, 0, 2], [3, 0, 4], [4, 0, 4], [6, 0, 7], [7, 0, 0]),
        *([1, 1, 0], [2, 1, 0], [2, 1, 3], [5, 1, 6], [5, 1, 7]),
    ]
)  # several answers both ways, a loop, and pairs that share an entity
KNOWN = {(h, r, t) for h, r, t in TRAIN.tolist()}
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in MODELS),
    ("transe", {"norm": 2}),
    ("conve", {"entity_bias": True}),
    ("tucker", {"sigmoid": True, "query_norm": False, "relation_dimension": 3}),
]
MODES = ["independent", "shared", "one_vs_all", "k_vs_all"]
CASES = [
    pytest.param(
        name,
        options,
        mode,
        loss,
        compiled,
        id="-".join([name, *map(str, options), mode, loss, *(["compiled"] if compiled else [])]),
    )
    for (name, options), mode, loss, compiled in product(VARIANTS, MODES, LOSSES, (False, True))
    if mode in NEGATIVES or (MODELS[name].ALL_ENTITIES and LOSSES[loss].ALL_ENTITIES and not compiled)
    if not compiled or (kernels.installed() and (MODELS[name].DOT_PRODUCT or MODELS[name].DISTANCE))
]


def queries() -> TrainingQueries:
    known = KnownAnswers.of(TRAIN, N, R)
    return TrainingQueries.of(TRAIN, known, N, R, frequency_weights=True, device=torch.device("cpu"))


def made(name: str, options: dict[str, Any], inverse: str) -> Model:
    options = {"filters": 2, **options} if name == "conve" else options
    model = MODELS[name](
        N, R, 4, inverse_relations=inverse, initializer="normal", initializer_scale=0.6, **options
    )
    model = model.double()
    model.initialize(torch.Generator().manual_seed(2))
    return model.train()


def is_known(entity: int, relation: int, answer: int) -> bool:
    return ((entity, relation, answer) if relation < R else (answer, relation - R, entity)) in KNOWN


def plain_query(
    model: Model, E: Tensor, W: Tensor, entity: Tensor, relation: Tensor
) -> tuple[Tensor, Tensor]:
    """(b, width) relation rows as stored, and query vectors."""
    if model.inverse_relations == "independent":
        return W[relation], model.query(E[entity], W[relation], None)
    return W[relation % R], model.query(E[entity], W[relation % R], relation >= R)


def plain_scores(
    model: Model, E: Tensor, W: Tensor, entity: Tensor, relation: Tensor, candidates: Tensor
) -> Tensor:
    """(b, m) scores of candidates (b, m) by the definition: the inverse of (h, r, t) is asked as (h, r, t)."""
    r = (W[relation] if model.inverse_relations == "independent" else W[relation % R])[:, None]
    e, c = E[entity][:, None], E[candidates]
    normed = type(model).__name__ == "TuckER" and model.inverse_relations == "shared"
    if normed:  # batch normalisation sees the entity asked with, so turning the triple round is not the same
        _, query = plain_query(model, E, W, entity, relation)
        return (query[:, None] * c).sum(-1)
    forward = model.score(e, r, c)
    if model.inverse_relations == "independent" or type(model).__name__ == "ConvE":
        return forward
    return torch.where((relation >= R)[:, None], model.score(c, r, e), forward)


def plain_penalty(name: str, h: Tensor, r: Tensor, t: Tensor, query: Tensor) -> Tensor:
    if name == "frobenius":
        return (h**2).sum(1) + (r**2).sum(1) + (t**2).sum(1)
    if name == "nuclear":
        return (h.abs() ** 3).sum(1) + (r.abs() ** 3).sum(1) + (t.abs() ** 3).sum(1)
    if name == "dura":
        return (query**2).sum(1) + (t**2).sum(1)
    return 0 * h.sum(1)


def plain_all_entities(name: str, scores: Tensor, right: Tensor, weights: Tensor) -> Tensor:
    if name == "cross_entropy":
        each = -(right / right.sum(1, keepdim=True) * scores.log_softmax(1)).sum(1)
    else:
        each = torch.nn.functional.binary_cross_entropy_with_logits(scores, right, reduction="none")
        each = (each * (right + (1 - right) * (1.0 if name == "bce_sum" else 1 / N))).sum(1)
    return (each * weights).sum()


def plain_loss(
    model: Model,
    E: Tensor,
    W: Tensor,
    mode: str,
    loss: str,
    regularizer: str,
    batch: Tensor,
    drawn: Tensor | None,
) -> Tensor:
    given = queries()
    if mode == "k_vs_all":
        entity, relation = given.group_entity[batch], given.group_relation[batch]
        weights = torch.full((len(batch),), 1 / len(batch), dtype=torch.double)
    else:
        entity, relation, answer = given.entity[batch], given.relation[batch], given.answer[batch]
        weights = given.weight[batch].double()
        weights = weights / weights.sum()
    if drawn is not None:
        candidates = drawn if drawn.dim() == 2 else drawn.expand(len(batch), -1)
        scores = plain_scores(model, E, W, entity, relation, torch.cat([answer[:, None], candidates], 1))
        scores = model.transform_scores(scores)
        asked = zip(entity.tolist(), relation.tolist(), candidates.tolist(), strict=True)
        valid = torch.tensor([[not is_known(e, r, c) for c in row] for e, r, row in asked])
        assert not valid.all()  # or the filter would not be seen at work
        cost = LOSSES[loss]().sampled(
            scores[:, 0], scores[:, 1:], valid if LOSSES[loss].FILTERED else None, weights
        )
    else:
        everyone = torch.arange(N).expand(len(batch), N)
        scores = model.transform_scores(plain_scores(model, E, W, entity, relation, everyone))
        asked = list(zip(entity.tolist(), relation.tolist(), strict=True))
        if mode == "k_vs_all":
            right = torch.tensor(
                [[float(is_known(e, r, c)) for c in range(N)] for e, r in asked], dtype=torch.double
            )
        else:
            right = torch.nn.functional.one_hot(answer, N).double()
        cost = plain_all_entities(loss, scores, right, weights)
        of, answer = right.nonzero(as_tuple=True)
        entity, relation = entity[of], relation[of]
    if regularizer == "none":
        return cost
    if mode == "k_vs_all":  # batch normalisation is over the batch, so each query is made once
        _, made_of = plain_query(model, E, W, given.group_entity[batch], given.group_relation[batch])
        r, query = plain_query(model, E, W, entity, relation)[0], made_of[of]
    else:
        r, query = plain_query(model, E, W, entity, relation)
    return cost + 0.3 * plain_penalty(regularizer, E[entity], r, E[answer], query).mean()


def in_full(rows: Tensor | None, values: Tensor | RowSums, size: int) -> Tensor:
    values = values[:]
    if rows is None:
        return values
    assert len(set(rows.tolist())) == len(rows)
    return torch.zeros(size, values.shape[1], dtype=values.dtype).index_copy_(0, rows, values)


@pytest.mark.parametrize(("name", "options", "mode", "loss", "compiled"), CASES)
def test_gradient_of_a_step_is_that_of_the_plain_definition(
    name: str, options: dict[str, Any], mode: str, loss: str, compiled: bool
) -> None:
    for number, (regularizer, inverse) in enumerate(product(REGULARIZERS, ("shared", "independent"))):
        model = made(name, options, inverse)
        own = {} if regularizer == "none" else {"weight": 0.3}
        parts = (model, LOSSES[loss](), REGULARIZERS[regularizer](**own))
        generator = torch.Generator().manual_seed(number)
        drawn = None
        step: NegativeSamplingStep | AllEntitiesStep
        if mode in NEGATIVES:
            negatives = NEGATIVES[mode](num_negatives=6)
            dense = number % 2 == number // 4  # both, for each form of the inverse
            step = NegativeSamplingStep(
                *parts, negatives, queries(), generator, dense=dense, compiled=compiled
            )
            batch = torch.tensor([0, 14, 2, 3, 25, 8, 0, 17, 19, 5])  # one of them twice
            drawn = negatives.draw(len(batch), N, torch.Generator().manual_seed(number))
        else:
            step = AllEntitiesStep(*parts, queries(), generator, every_answer=mode == "k_vs_all")
            step.chunk = 3
            batch = torch.tensor([7, 0, 11, 2, 9, 4, 12, 5])
        gradient: Gradient = step(batch)
        found = [
            gradient.loss,
            in_full(*gradient.entities, N),
            in_full(*gradient.relations, len(model.relations)),
            *(layer.grad.clone() if layer.grad is not None else None for layer in model.layers()),
        ]
        E, W = (table.detach().clone().requires_grad_() for table in (model.entities, model.relations))
        expected = plain_loss(model, E, W, mode, loss, regularizer, batch, drawn)
        derived = torch.autograd.grad(expected, [E, W, *model.layers()], allow_unused=True)
        for ours, plain in zip(found, [expected.detach(), *derived], strict=True):
            assert (ours is None) == (plain is None)
            if plain is not None and ours is not None:
                torch.testing.assert_close(
                    ours, plain, rtol=1e-8, atol=1e-11, msg=f"{regularizer}, {inverse}"
                )
        assert derived[0].abs().max() > 1e-3


@pytest.mark.parametrize("mode", ["one_vs_all", "k_vs_all"])
@pytest.mark.parametrize("loss", [name for name in LOSSES if LOSSES[name].ALL_ENTITIES])
def test_chunk_size_changes_nothing(mode: str, loss: str) -> None:
    def gradient(chunk: int) -> Gradient:
        parts = (made("complex", {}, "shared"), LOSSES[loss](), REGULARIZERS["none"]())
        step = AllEntitiesStep(*parts, queries(), torch.Generator(), every_answer=mode == "k_vs_all")
        step.chunk = chunk
        return step(torch.arange(9))

    whole, one_by_one = gradient(100), gradient(1)
    torch.testing.assert_close(one_by_one.loss, whole.loss)
    torch.testing.assert_close(one_by_one.entities[1][:], whole.entities[1][:])
    torch.testing.assert_close(one_by_one.relations[1][:], whole.relations[1][:])


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        (name, mode)
        for name, mode in product(MODELS, MODES)
        if name not in ("conve", "tucker") and (mode in NEGATIVES or MODELS[name].ALL_ENTITIES)
    ],
)
def test_a_batch_in_parts_has_the_gradient_of_the_whole(name: str, mode: str) -> None:
    def gradient(at_once: int | None, dense: bool, compiled: bool) -> list[Tensor]:
        model = made(name, {}, "shared" if dense else "independent")
        parts = (model, LOSSES["cross_entropy"](), REGULARIZERS["dura"](weight=0.3))
        generator = torch.Generator().manual_seed(3)
        batch = torch.tensor([0, 7, 2, 3, 11, 8, 0])  # as positions of queries and of distinct ones
        step: NegativeSamplingStep | AllEntitiesStep
        if mode in NEGATIVES:
            step = NegativeSamplingStep(
                *parts, NEGATIVES[mode](num_negatives=6), queries(), generator, dense=dense, compiled=compiled,
                optimizer=OPTIMIZERS["sgd"]() if at_once else None, at_once=at_once,
            )  # fmt: skip
        else:
            every = mode == "k_vs_all"
            step = AllEntitiesStep(*parts, queries(), generator, every_answer=every, at_once=at_once)
        before = model.entities.clone()
        found = step(batch)
        assert torch.equal(model.entities, before)  # no entity has moved early
        return [
            found.loss,
            in_full(*found.entities, N),
            in_full(*found.relations, len(model.relations)),
        ]

    has_kernel = kernels.installed() and mode in NEGATIVES
    for dense, compiled in product((False, True), (False, True) if has_kernel else (False,)):
        whole = gradient(None, dense, compiled)
        for at_once in (1, 3, 7):
            for part, one in zip(gradient(at_once, dense, compiled), whole, strict=True):
                torch.testing.assert_close(
                    part, one, rtol=1e-9, atol=1e-12, msg=f"{at_once}, {dense=}, {compiled=}"
                )
        assert whole[1].abs().max() > 1e-3


def test_gradient_leaves_the_tables_alone() -> None:
    model = made("complex", {}, "shared")
    before = model.entities.clone(), model.relations.clone()
    parts = (model, LOSSES["bce_mean"](), REGULARIZERS["frobenius"](weight=0.1))
    NegativeSamplingStep(*parts, NEGATIVES["shared"](), queries(), torch.Generator(), dense=False)(
        torch.arange(5)
    )
    AllEntitiesStep(*parts, queries(), torch.Generator(), every_answer=True)(torch.arange(5))
    assert torch.equal(model.entities, before[0])
    assert torch.equal(model.relations, before[1])


@pytest.mark.parametrize("mode", NEGATIVES)
@pytest.mark.parametrize("name", ["complex", "transe", "rotate"])
def test_gathering_few_rows_at_a_time_changes_nothing(
    name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gradient(numbers: int) -> Gradient:
        monkeypatch.setattr(contest, "GATHERED_NUMBERS", numbers)
        parts = (made(name, {}, "shared"), LOSSES["bce_adversarial"](), REGULARIZERS["none"]())
        negatives = NEGATIVES[mode](num_negatives=6)
        generator = torch.Generator().manual_seed(3)
        step = NegativeSamplingStep(*parts, negatives, queries(), generator, dense=True)
        return step(torch.arange(7))

    whole, one_by_one = gradient(1 << 20), gradient(1)
    torch.testing.assert_close(one_by_one.loss, whole.loss)
    torch.testing.assert_close(one_by_one.entities[1][:], whole.entities[1][:])
    torch.testing.assert_close(one_by_one.relations[1][:], whole.relations[1][:])


@pytest.mark.parametrize("mode", ["one_vs_all", "k_vs_all"])
@pytest.mark.parametrize("loss", [name for name in LOSSES if LOSSES[name].ALL_ENTITIES])
@pytest.mark.parametrize("name", ["complex", "conve", "tucker"])
def test_low_precision_changes_the_gradient_by_its_rounding_only(name: str, loss: str, mode: str) -> None:
    def gradient(low: bool) -> Gradient:
        options = {"query_norm": False} if name == "tucker" else {}
        parts = (made(name, options, "shared").float(), LOSSES[loss](), REGULARIZERS["none"]())
        step = AllEntitiesStep(
            *parts, queries(), torch.Generator(), every_answer=mode == "k_vs_all", low_precision=low
        )
        step.chunk = 5
        return step(torch.arange(9))

    exact, low = gradient(False), gradient(True)
    torch.testing.assert_close(low.loss, exact.loss, rtol=0.01, atol=0)
    for ours, full in (
        (low.entities[1][:], exact.entities[1][:]),
        (low.relations[1][:], exact.relations[1][:]),
    ):
        assert ours.dtype == torch.float32
        assert not torch.equal(ours, full)
        assert (ours - full).norm() < 0.02 * full.norm()  # 8 bits: 0.4% a rounding


@pytest.mark.parametrize("mode", NEGATIVES)
def test_model_without_a_hand_written_gradient_goes_through_autograd(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gradient() -> Gradient:
        parts = (made("complex", {}, "shared"), LOSSES["bce_mean"](), REGULARIZERS["dura"](weight=0.1))
        negatives = NEGATIVES[mode](num_negatives=6)
        generator = torch.Generator().manual_seed(3)
        return NegativeSamplingStep(*parts, negatives, queries(), generator, dense=True)(torch.arange(7))

    by_hand = gradient()
    monkeypatch.setattr(MODELS["complex"], "DOT_PRODUCT", False)
    derived = gradient()
    torch.testing.assert_close(derived.loss, by_hand.loss)
    torch.testing.assert_close(derived.entities[1][:], by_hand.entities[1][:])
    torch.testing.assert_close(derived.relations[1][:], by_hand.relations[1][:])
