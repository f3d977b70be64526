"""Every loss against a plain definition, written here term by term."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from kgtuner.errors import ConfigError
from kgtuner.losses import LOSSES, Answers, Loss

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("margin_ranking", {}),
    ("margin_ranking", {"margin": 1.5}),
    ("bce_mean", {}),
    ("bce_mean", {"label_smoothing": 0.2}),
    ("bce_sum", {}),
    ("bce_sum", {"label_smoothing": 0.2}),
    ("bce_adversarial", {}),
    ("bce_adversarial", {"adversarial_temperature": 0.5}),
    ("cross_entropy", {}),
    ("cross_entropy", {"label_smoothing": 0.2}),
    ("cross_entropy", {"reduction": "sum"}),
]
IDS = [f"{name}-{'-'.join(map(str, options.values()))}".rstrip("-") for name, options in VARIANTS]
ALL_ENTITIES = [(v, i) for v, i in zip(VARIANTS, IDS, strict=True) if LOSSES[v[0]].ALL_ENTITIES]


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x)) if x > -700 else x


def bce(score: float, label: float) -> float:
    return -label * log_sigmoid(score) - (1 - label) * log_sigmoid(-score)


def plain_sampled(name: str, options: dict[str, Any], positive: float, negatives: list[float]) -> float:
    """The loss of one positive and the negatives that count, as the papers write it."""
    if name == "margin_ranking":
        margin = options.get("margin", 6.0)
        return sum(max(0.0, margin - positive + s) for s in negatives) / max(1, len(negatives))
    if name == "bce_adversarial":
        temperature = options.get("adversarial_temperature", 1.0)
        shares = [math.exp(temperature * s) for s in negatives]
        return -log_sigmoid(positive) - sum(
            share / sum(shares) * log_sigmoid(-s) for share, s in zip(shares, negatives, strict=True)
        )
    if name == "cross_entropy":
        scores = [positive, *negatives]
        total = math.log(sum(math.exp(s) for s in scores))
        smoothing = options.get("label_smoothing", 0.0)
        labels = [1 - smoothing + smoothing / len(scores)] + [smoothing / len(scores)] * len(negatives)
        return sum(label * (total - s) for label, s in zip(labels, scores, strict=True))
    raise AssertionError(name)


def plain_bce(name: str, smoothing: float, positive: float, negatives: list[float], candidates: int) -> float:
    """`candidates` share the smoothed label, whether or not they count as negatives."""
    spread = smoothing / candidates
    losses = sum(bce(s, spread) for s in negatives)
    share = 1 if name == "bce_sum" else 1 / max(1, len(negatives))
    return bce(positive, 1 - smoothing + spread) + share * losses


def plain_all_entities(
    name: str, options: dict[str, Any], scores: Tensor, rows: Tensor, columns: Tensor, weights: Tensor
) -> Tensor:
    """Against dense labels, differentiable."""
    n = scores.shape[1]
    right = torch.zeros_like(scores)
    right[rows, columns] = 1
    smoothing = options.get("label_smoothing", 0.0)
    if name == "cross_entropy":
        labels = (1 - smoothing) * right / right.sum(1, keepdim=True) + smoothing / n
        losses = -(labels * scores.log_softmax(1)).sum(1)
        return losses.sum() if options.get("reduction") == "sum" else (losses * weights).sum()
    labels = (1 - smoothing) * right + smoothing / n
    each = torch.nn.functional.binary_cross_entropy_with_logits(scores, labels, reduction="none")
    share = right + (1 - right) * (1.0 if name == "bce_sum" else 1 / n)
    return ((each * share).sum(1) * weights).sum()


def drawn(*shape: int, scale: float = 3.0) -> Tensor:
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(4)) * scale


WEIGHTS = torch.tensor([0.5, 0.2, 0.3], dtype=torch.double)
VALID = torch.tensor([[1, 0, 1, 1], [1, 1, 1, 1], [0, 1, 0, 0]], dtype=torch.bool)


@pytest.mark.parametrize("valid", [None, VALID], ids=["all", "masked"])
@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
def test_sampled_loss_is_its_definition(name: str, options: dict[str, Any], valid: Tensor | None) -> None:
    scores = drawn(3, 5)
    positive, negative = scores[:, 0], scores[:, 1:]
    expected = 0.0
    for i in range(3):
        counted = [float(s) for j, s in enumerate(negative[i]) if valid is None or valid[i, j]]
        s = float(positive[i])
        if name in ("bce_mean", "bce_sum"):
            value = plain_bce(name, options.get("label_smoothing", 0.0), s, counted, 5)
        else:
            value = plain_sampled(name, options, s, counted)
        expected += float(WEIGHTS[i]) * value
    loss = LOSSES[name](**options).sampled(positive, negative, valid, WEIGHTS)
    assert float(loss) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scale", [3.0, 1e4])  # the exponential of 1e4 is infinite
@pytest.mark.parametrize("valid", [None, VALID], ids=["all", "masked"])
@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
def test_a_short_way_to_the_gradient_leads_where_autograd_does(
    name: str, options: dict[str, Any], valid: Tensor | None, scale: float
) -> None:
    scores, loss = drawn(3, 5, scale=scale), LOSSES[name](**options)
    expected = Loss.sampled_gradient(loss, scores[:, 0], scores[:, 1:], valid, WEIGHTS)
    found = loss.sampled_gradient(scores[:, 0], scores[:, 1:], valid, WEIGHTS)
    for own, autograd in zip(found, expected, strict=True):
        torch.testing.assert_close(own, autograd)


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
def test_masked_negative_has_no_gradient(name: str, options: dict[str, Any]) -> None:
    positive, negative = drawn(3), drawn(3, 4).requires_grad_()
    loss = LOSSES[name](**options).sampled(positive, negative, VALID, WEIGHTS)
    (gradient,) = torch.autograd.grad(loss, negative)
    assert (gradient[~VALID] == 0).all()
    assert (gradient[VALID] != 0).any()


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
def test_positive_without_any_valid_negative_counts_alone(name: str, options: dict[str, Any]) -> None:
    positive, negative = drawn(3), drawn(3, 4).requires_grad_()
    none = torch.zeros(3, 4, dtype=torch.bool)
    loss = LOSSES[name](**options).sampled(positive, negative, none, WEIGHTS)
    assert torch.isfinite(loss)
    (gradient,) = torch.autograd.grad(loss, negative, allow_unused=True)
    assert gradient is None or (gradient == 0).all()


def test_adversarial_weights_carry_no_gradient() -> None:
    positive = torch.zeros(1, dtype=torch.double)
    negative = torch.tensor([[1.0, -2.0]], dtype=torch.double, requires_grad=True)
    loss = LOSSES["bce_adversarial"](adversarial_temperature=2.0).sampled(
        positive, negative, None, torch.ones(1, dtype=torch.double)
    )
    (gradient,) = torch.autograd.grad(loss, negative)
    shares = [math.exp(2) / (math.exp(2) + math.exp(-4)), math.exp(-4) / (math.exp(2) + math.exp(-4))]
    expected = [shares[0] / (1 + math.exp(-1)), shares[1] / (1 + math.exp(2))]  # share * sigmoid(s)
    assert gradient[0].tolist() == pytest.approx(expected)


# Query 0 has one right answer, query 1 three, query 2 two.
ROWS = torch.tensor([0, 1, 1, 1, 2, 2])
COLUMNS = torch.tensor([3, 0, 2, 6, 1, 3])


def answers(weights: Tensor = WEIGHTS) -> Answers:
    return Answers(ROWS, COLUMNS, torch.tensor([1, 3, 2], dtype=torch.double), weights)


@pytest.mark.parametrize(("name", "options"), [v for v, _ in ALL_ENTITIES], ids=[i for _, i in ALL_ENTITIES])
def test_all_entities_loss_and_its_hand_written_gradient(name: str, options: dict[str, Any]) -> None:
    scores = drawn(3, 7).requires_grad_()
    expected = plain_all_entities(name, options, scores, ROWS, COLUMNS, WEIGHTS)
    (gradient,) = torch.autograd.grad(expected, scores)
    by_hand = LOSSES[name](**options).all_entities(scores.detach().clone(), answers())
    torch.testing.assert_close(by_hand.loss, expected.detach(), rtol=1e-12, atol=0)
    torch.testing.assert_close(by_hand.dense(answers()), gradient, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(("name", "options"), [v for v, _ in ALL_ENTITIES], ids=[i for _, i in ALL_ENTITIES])
def test_scores_in_bfloat16_change_the_gradient_by_their_rounding_only(
    name: str, options: dict[str, Any]
) -> None:
    rounded = drawn(3, 7).bfloat16()
    exact = LOSSES[name](**options).all_entities(rounded.double(), answers())
    low = LOSSES[name](**options).all_entities(rounded.clone(), answers())
    assert low.at_answers.dtype == torch.double
    torch.testing.assert_close(low.loss, exact.loss, rtol=0.01, atol=0)
    torch.testing.assert_close(low.at_answers, exact.at_answers, rtol=0.01, atol=0.002)
    torch.testing.assert_close(low.everywhere.double(), exact.everywhere, rtol=0.01, atol=1e-4)


@pytest.mark.parametrize(("name", "options"), [v for v, _ in ALL_ENTITIES], ids=[i for _, i in ALL_ENTITIES])
def test_gradient_takes_the_memory_of_the_scores(name: str, options: dict[str, Any]) -> None:
    scores = drawn(3, 7)
    gradient = LOSSES[name](**options).all_entities(scores, answers())
    assert gradient.everywhere.data_ptr() == scores.data_ptr()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("name", "options"), [v for v, _ in ALL_ENTITIES], ids=[i for _, i in ALL_ENTITIES])
def test_extreme_scores_against_all_entities_stay_finite(
    name: str, options: dict[str, Any], dtype: torch.dtype
) -> None:
    scores = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]], dtype=dtype)
    given = Answers(
        torch.arange(3),
        torch.tensor([1, 0, 2]),
        torch.ones(3, dtype=dtype),
        torch.full((3,), 1 / 3, dtype=dtype),
    )
    at = LOSSES[name](**options).all_entities(scores, given)
    assert torch.isfinite(at.loss)
    assert torch.isfinite(at.everywhere).all()
    assert torch.isfinite(at.at_answers).all()
    assert at.loss > 1000  # the first two answers are as wrong as can be


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
def test_extreme_scores_with_negatives_stay_finite(
    name: str, options: dict[str, Any], dtype: torch.dtype
) -> None:
    positive = torch.tensor([-1e4, 1e4], dtype=dtype, requires_grad=True)
    negative = torch.tensor([[1e4, -1e4], [-1e4, -1e4]], dtype=dtype, requires_grad=True)
    loss = LOSSES[name](**options).sampled(positive, negative, None, torch.tensor([0.5, 0.5], dtype=dtype))
    assert torch.isfinite(loss)
    assert loss > 1000
    for gradient in torch.autograd.grad(loss, [positive, negative]):
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", LOSSES)
def test_loss_falls_when_the_true_triple_scores_higher(name: str) -> None:
    loss: Callable[..., Tensor] = LOSSES[name]().sampled
    negative, weights = torch.zeros(1, 2), torch.ones(1)
    assert loss(torch.tensor([1.0]), negative, None, weights) < loss(
        torch.tensor([0.0]), negative, None, weights
    )


@pytest.mark.parametrize("name", LOSSES)
def test_loss_without_all_entities_form_says_so(name: str) -> None:
    if not LOSSES[name].ALL_ENTITIES:
        with pytest.raises(NotImplementedError, match="needs sampled negatives"):
            LOSSES[name]().all_entities(torch.zeros(3, 7), answers())


@pytest.mark.parametrize("name", ["bce_mean", "bce_sum", "cross_entropy"])
@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_label_smoothing_outside_its_range_is_refused(name: str, smoothing: float) -> None:
    with pytest.raises(ConfigError, match=r"loss.label_smoothing must be in \[0, 1\), got"):
        LOSSES[name](label_smoothing=smoothing)


def test_unknown_reduction_is_refused() -> None:
    with pytest.raises(ConfigError, match="loss.reduction must be mean or sum, got 'total'"):
        LOSSES["cross_entropy"](reduction="total")
