"""Every model: its fast path is its definition, both directions agree, and numbers worked out by hand."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from kgtuner.config import MODEL_OPTIONS
from kgtuner.errors import ConfigError
from kgtuner.models import MODELS, Model
from kgtuner.models.base import INITIALIZERS
from kgtuner.models.distance import complex_distance

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in MODELS),
    ("transe", {"norm": 2}),
    ("conve", {"entity_bias": True, "filters": 3}),
    ("tucker", {"relation_dimension": 3, "query_norm": False}),
    ("tucker", {"sigmoid": True}),
    *(("autosf", {"structure": structure}) for structure in ("distmult", "complex", "simple")),
    ("autosf", {"structure": [[0, 1, -2, 0], [4, 0, 0, 0], [0, -3, 0, 2], [1, 0, 0, 0]]}),
]
IDS = [f"{name}-{'-'.join(map(str, options.values()))}".rstrip("-") for name, options in VARIANTS]


def made(name: str, dimension: int = 8, entities: int = 6, relations: int = 3, **options: Any) -> Model:
    """A double-precision model whose coordinates are near 1, so that every part of a score shows."""
    options = {"initializer": "normal", "initializer_scale": 0.7, **options}
    model = MODELS[name](entities, relations, dimension, **options).double()
    model.initialize(torch.Generator().manual_seed(1))
    return model.eval()


def every_query(model: Model) -> tuple[Tensor, Tensor]:
    """Each entity with each directed relation."""
    pairs = torch.cartesian_prod(torch.arange(model.n_entities), torch.arange(2 * model.n_relations))
    return pairs[:, 0], pairs[:, 1]


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
def test_fast_path_agrees_with_the_definition(name: str, options: dict[str, Any]) -> None:
    model = made(name, **options)
    h, r = model.entities[[0, 1, 2, 5]], model.relations[[0, 1, 2, 0]]
    expected = model.score(h[:, None], r[:, None], model.entities[None])
    query = model.tail_query(h, r)
    assert expected.shape == (4, 6)
    assert expected.std() > 1e-3
    torch.testing.assert_close(model.score_candidates(query, model.entities), expected)
    own = model.entities[
        torch.tensor([[0, 3], [5, 5], [2, 1], [4, 0]])
    ]  # (b, m, width): candidates of each query
    torch.testing.assert_close(model.score_candidates(query, own), model.score(h[:, None], r[:, None], own))


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=IDS)
def test_asking_for_the_head_gives_the_same_score_as_asking_for_the_tail(
    name: str, options: dict[str, Any]
) -> None:
    # With batch normalisation the two questions see different statistics; and ConvE has no inverse.
    options = {"query_norm": False, **options} if name == "tucker" else options
    model = made(name, **options)
    r, everyone = model.n_relations, torch.arange(model.n_entities)
    for relation in range(r):
        towards = model.score_candidates(
            model.encode(everyone, torch.full((len(everyone),), relation)), model.entities
        )
        back = model.score_candidates(
            model.encode(everyone, torch.full((len(everyone),), relation + r)), model.entities
        )
        if name == "conve":  # documented: the inverse of r reuses r itself
            torch.testing.assert_close(towards, back)
        else:
            torch.testing.assert_close(towards, back.T)
            if name != "distmult" and options.get("structure") != "distmult":
                assert not torch.allclose(towards, towards.T), f"{name} would be symmetric"


@pytest.mark.parametrize("name", MODELS)
def test_independent_inverse_relations_have_rows_of_their_own(name: str) -> None:
    model = made(name, inverse_relations="independent")
    assert len(model.relations) == 2 * model.n_relations
    entity, relation = every_query(model)
    before = model.score_candidates(model.encode(entity, relation), model.entities)
    expected = model.score(
        model.entities[entity][:, None], model.relations[relation][:, None], model.entities[None]
    )
    torch.testing.assert_close(before, expected)
    with torch.no_grad():
        model.relations[model.n_relations + 1] += 0.5
    changed = (model.score_candidates(model.encode(entity, relation), model.entities) != before).any(1)
    assert changed.tolist() == (relation == model.n_relations + 1).tolist()


@pytest.mark.parametrize("name", MODELS)
def test_shared_inverse_relations_add_no_rows(name: str) -> None:
    assert len(made(name).relations) == 3


@pytest.mark.parametrize("name", MODELS)
def test_dot_product_models_score_by_a_dot_product(name: str) -> None:
    model = made(name)
    entity, relation = every_query(model)
    query = model.encode(entity, relation)
    scores = model.score_candidates(query, model.entities)
    assert torch.allclose(scores, query @ model.entities.T) == MODELS[name].DOT_PRODUCT


@pytest.mark.parametrize("dimension", [1, 2, 7, 30, 100, 200, 500, 1000, 2000])
def test_conve_works_at_every_dimension(dimension: int) -> None:
    model = MODELS["conve"](4, 1, dimension, filters=1)
    model.initialize(torch.Generator().manual_seed(0))
    model.train()
    query = model.tail_query(model.entities[:3], model.relations[[0, 0, 0]])
    assert query.shape == (3, dimension)
    assert torch.isfinite(query).all()
    assert query.std() > 0


def test_conve_shapes_200_numbers_as_the_published_runs_do() -> None:
    model = MODELS["conve"](2, 1, 200)
    assert model.height == 20
    assert model.linear.in_features == 32 * 38 * 8  # 40 x 10 stacked, a 3 x 3 filter without border


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_initialisers_have_the_spread_they_promise(name: str, initializer: str) -> None:
    model = MODELS[name](3000, 200, 16, initializer=initializer, initializer_scale=0.25)
    model.initialize(torch.Generator().manual_seed(3))
    for table in (model.entities, model.relations):
        rows, width = table.shape
        deviation = {
            "uniform": 0.25 / math.sqrt(3),
            "normal": 0.25,
            "xavier_uniform": math.sqrt(2 / (rows + width)),
            "xavier_normal": math.sqrt(2 / (rows + width)),
        }[initializer]
        assert float(table.std()) == pytest.approx(deviation, rel=0.05)
        assert abs(float(table.mean())) < 0.1 * deviation
        largest = float(table.abs().max())
        if initializer.endswith("uniform"):
            assert largest <= deviation * math.sqrt(3) * (1 + 1e-6)
            assert largest > 0.99 * deviation * math.sqrt(3)
        else:
            assert largest > 2.5 * deviation


@pytest.mark.parametrize("name", MODELS)
def test_start_values_follow_the_seed_and_nothing_else(name: str) -> None:
    def start(seed: int) -> list[Tensor]:
        torch.rand(7)  # whatever the global generator did before
        model = MODELS[name](9, 2, 8)
        model.initialize(torch.Generator().manual_seed(seed))
        return [p.detach().clone() for p in model.parameters()]

    assert all(torch.equal(a, b) for a, b in zip(start(5), start(5), strict=True))
    assert not torch.equal(start(5)[0], start(6)[0])


# Arithmetic by hand, in rows of two or four numbers.


def score_of(name: str, h: list[float], r: list[float], t: list[float], **options: Any) -> float:
    model = MODELS[name](2, 1, len(h), **options).double().eval()
    return float(model.score(*(torch.tensor(row, dtype=torch.double) for row in (h, r, t))))


def test_transe_by_hand() -> None:
    # h + r - t = (1 + 2 - 0, -1 + 0.5 - 3.5) = (3, -4): sum of moduli 7, length 5. Bordes et al. (2013).
    row = ([1, -1], [2, 0.5], [0, 3.5])
    assert score_of("transe", *row, margin=10.0) == pytest.approx(10 - 7)
    assert score_of("transe", *row, margin=10.0, norm=2) == pytest.approx(10 - 5)


def test_distmult_by_hand() -> None:
    # 1 * 3 * 5 + 2 * 4 * -6 = 15 - 48. Yang et al. (2015).
    assert score_of("distmult", [1, 2], [3, 4], [5, -6]) == pytest.approx(-33)


def test_complex_by_hand() -> None:
    # Re((1 + 2i)(3 + 4i)(5 - 6i)) = Re((-5 + 10i)(5 - 6i)) = -25 + 60. Trouillon et al. (2016).
    assert score_of("complex", [1, 2], [3, 4], [5, 6]) == pytest.approx(35)


def test_complex_keeps_real_parts_before_imaginary_parts() -> None:
    generator = torch.Generator().manual_seed(0)
    h, r, t = (torch.randn(6, dtype=torch.double, generator=generator) for _ in range(3))
    expected = (
        torch.complex(h[:3], h[3:]) * torch.complex(r[:3], r[3:]) * torch.complex(t[:3], -t[3:])
    ).sum()
    model = MODELS["complex"](2, 1, 6)
    torch.testing.assert_close(model.score(h, r, t), expected.real)


def test_rotate_by_hand() -> None:
    # A quarter turn takes 3 + 4i to -4 + 3i; from there to -1 - 1i is |-3 + 4i| = 5. Sun et al. (2019).
    # Phases are stored times scale / pi: a quarter turn, pi / 2, is half the scale.
    assert score_of("rotate", [3, 4], [0.005], [-1, -1], margin=6.0) == pytest.approx(6 - 5)
    assert score_of("rotate", [3, 4], [1.0], [-1, -1], margin=6.0, initializer_scale=2.0) == pytest.approx(1)


def test_rescal_by_hand() -> None:
    # (1, 2) [[1, 2], [3, 4]] = (7, 10); with (5, -6): 35 - 60. Nickel et al. (2011).
    assert score_of("rescal", [1, 2], [1, 2, 3, 4], [5, -6]) == pytest.approx(-25)


def test_tucker_by_hand() -> None:
    # W_r = 2 [[1, 2], [3, 4]] - 1 [[0, 1], [1, 0]] = [[2, 3], [5, 8]]; (1, 2) W_r = (12, 19); 60 - 114.
    model = MODELS["tucker"](2, 1, 2, query_norm=False).double()
    with torch.no_grad():
        model.core.copy_(torch.tensor([[[1, 2], [3, 4]], [[0, 1], [1, 0]]]))
        rows = (torch.tensor([row], dtype=torch.double) for row in ([1, 2], [2, -1], [5, -6]))
        assert model.score(*rows).tolist() == pytest.approx([-54])


def test_tucker_lets_the_loss_see_a_probability_where_asked_to() -> None:
    scores = torch.tensor([0.0, math.log(3)])
    assert MODELS["tucker"](2, 1, 2, sigmoid=True).transform_scores(scores).tolist() == pytest.approx(
        [0.5, 0.75]
    )
    assert MODELS["tucker"](2, 1, 2).transform_scores(scores).tolist() == scores.tolist()


@pytest.mark.parametrize(
    ("structure", "expected"),
    [
        ("distmult", 1 * 5 * 2 + 2 * 6 * 3 + 3 * 7 * 4 + 4 * 8 * -1),
        ("analogy", 1 * 5 * 2 + 2 * 6 * 3 + 3 * 7 * 4 + 3 * 8 * -1 - 4 * 8 * 4 + 4 * 7 * -1),
        ("simple", 1 * 5 * 4 + 2 * 6 * -1 + 3 * 7 * 2 + 4 * 8 * 3),
        ("ogbl-biokg", 1 * 5 * (2 + 3) + 2 * 6 * 3 + 3 * 7 * 4 + 4 * 8 * -1),
        ("ogbl-wikikg2", 1 * 5 * 2 + (2 - 4) * 6 * 3 + (3 * 5 + 4 * 8) * 4 + (2 + 3) * 7 * -1),
    ],
)
def test_autosf_by_hand(structure: str, expected: float) -> None:
    # Blocks h = (1, 2, 3, 4), r = (5, 6, 7, 8), t = (2, 3, 4, -1). Zhang et al. (2020), figure 1.
    row = ([1, 2, 3, 4], [5, 6, 7, 8], [2, 3, 4, -1])
    assert score_of("autosf", *row, structure=structure) == pytest.approx(expected)


def test_autosf_with_the_structure_of_complex_is_complex() -> None:
    generator = torch.Generator().manual_seed(0)
    h, r, t = torch.randn(3, 5, 8, dtype=torch.double, generator=generator)
    as_blocks = MODELS["autosf"](2, 1, 8, structure="complex").score(h, r, t)
    torch.testing.assert_close(as_blocks, MODELS["complex"](2, 1, 8).score(h, r, t))


def test_conve_by_hand() -> None:
    # h = (1, 2) above r = (3, 4), each of height 2 and width 1, with a border of zeros: one filter that
    # is 1 in the middle and 2 below it. Rows 1..4 give x_i + 2 x_(i+1) = 5, 8, 11, 4; all positive.
    # The linear layer adds the first two and the last two: 13, 15. With t = (5, -6): 65 - 90.
    # Batch normalisation in evaluation mode divides by sqrt(1 + 1e-5), three times. Dettmers et al. (2018).
    model = MODELS["conve"](2, 1, 2, filters=1).double().eval()
    with torch.no_grad():
        model.convolution.weight.zero_()
        model.convolution.weight[0, 0, 1, 1], model.convolution.weight[0, 0, 2, 1] = 1.0, 2.0
        model.convolution.bias.zero_()
        model.linear.weight.copy_(torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1]]))
        model.linear.bias.zero_()
        rows = [torch.tensor([row], dtype=torch.double) for row in ([1, 2], [3, 4], [5, -6])]
        assert model.score(*rows).tolist() == pytest.approx([-25 / (1 + 1e-5) ** 1.5])


def test_conve_entity_bias_is_added_to_the_score_of_the_candidate() -> None:
    model = made("conve", entity_bias=True)
    entity, relation = every_query(model)
    query = model.encode(entity, relation)
    before = model.score_candidates(query, model.entities)
    with torch.no_grad():
        model.entities[2, -1] += 0.25
    difference = model.score_candidates(model.encode(entity, relation), model.entities) - before
    expected = torch.zeros_like(difference)
    expected[:, 2] = 0.25  # and the bias of an entity that is asked with plays no part
    torch.testing.assert_close(difference, expected)


@pytest.mark.parametrize(("queries", "candidates"), [(1, 1), (63, 5), (65, 4100), (130, 3)])
def test_blocked_complex_distance_is_the_plain_one(queries: int, candidates: int) -> None:
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(queries, 6, dtype=torch.double, generator=generator)
    b = torch.randn(candidates, 6, dtype=torch.double, generator=generator)
    expected = (
        (torch.complex(a[:, :3], a[:, 3:])[:, None] - torch.complex(b[:, :3], b[:, 3:])[None]).abs().sum(-1)
    )
    kept = a.clone(), b.clone()
    torch.testing.assert_close(complex_distance(a, b), expected)
    assert torch.equal(a, kept[0])
    assert torch.equal(b, kept[1])


@pytest.mark.parametrize("name", ["transe", "rotate"])
def test_gradient_at_distance_zero_is_finite(name: str) -> None:
    model = MODELS[name](2, 1, 4, **({"norm": 2} if name == "transe" else {})).double()
    row = torch.ones(1, 4, dtype=torch.double, requires_grad=True)
    for candidates in (torch.ones(3, 4, dtype=torch.double), torch.ones(1, 3, 4, dtype=torch.double)):
        (gradient,) = torch.autograd.grad(model.score_candidates(row, candidates).sum(), row)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("distmult", {"dimension": True}, "model.dimension must be a positive multiple of 1 .*, got True"),
        ("complex", {"dimension": 7}, "model.dimension must be a positive multiple of 2 for ComplEx, got 7"),
        ("autosf", {"dimension": 6}, "multiple of 4"),
        ("distmult", {"dimension": 0}, "got 0"),
        ("distmult", {"dimension": 2.0}, "got 2.0"),
        ("distmult", {"dropout": 1.0}, r"model.dropout must be in \[0, 1\), got 1.0"),
        ("distmult", {"initializer": "xavier_norm"}, "Did you mean 'xavier_normal'"),
        ("distmult", {"initializer_scale": 0.0}, "above 0"),
        ("distmult", {"inverse_relations": "share"}, "Did you mean 'shared'"),
        ("transe", {"norm": 3}, "must be 1 or 2, got 3"),
        ("autosf", {"structure": "anology"}, "Did you mean 'analogy'"),
        ("autosf", {"structure": [[1, 2], [3, 4]]}, "4 x 4 table"),
        ("autosf", {"structure": [[0] * 4] * 4}, "4 x 4 table"),
        ("autosf", {"structure": [[5, 0, 0, 0]] * 4}, "from -4 to 4"),
        ("conve", {"filters": 0}, "model.filters must be a whole number of at least 1, got 0"),
        ("tucker", {"relation_dimension": -3}, "model.relation_dimension must be a whole number"),
    ],
)
def test_bad_option_is_refused_with_what_would_be_right(
    name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        MODELS[name](2, 1, **{"dimension": 8, **options})


def test_every_model_has_the_options_that_a_change_of_model_keeps() -> None:
    sizes = ("self", "n_entities", "n_relations")
    assert sorted(MODEL_OPTIONS) == sorted(set(inspect.signature(Model.__init__).parameters) - set(sizes))
    for model in MODELS.values():
        accepted = inspect.signature(model.__init__).parameters
        everything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
        assert everything or set(MODEL_OPTIONS) <= set(accepted)
