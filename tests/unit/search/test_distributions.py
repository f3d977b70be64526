"""kgtuner.search.distributions: what a study stores about a space."""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from kgtuner.domains import Float
from kgtuner.search.distributions import distributions, space_of, stepped
from kgtuner.space import load_space


def test_sizes_are_integer_ranges_so_that_a_study_can_widen_them() -> None:
    found = distributions(load_space("reduced", ["complex"]))
    assert found["training.batch_size"] == IntDistribution(16, 16384, log=True)
    assert isinstance(found["model.dimension"], IntDistribution)
    assert isinstance(found["negatives.num_negatives"], IntDistribution)


def test_both_presets_store_the_same_so_that_one_study_holds_both_stages() -> None:
    full, reduced = (distributions(load_space(preset, ["complex"])) for preset in ("full", "reduced"))
    assert full == reduced
    assert full["optimizer.name"] == CategoricalDistribution(("adam", "adagrad", "sgd"))


def test_a_space_from_distributions_has_their_ranges() -> None:
    space = space_of({"rate": FloatDistribution(1e-3, 1.0, log=True)})
    assert space.by_name["rate"].domain == Float(1e-3, 1.0, log=True)


def test_a_step_is_kept() -> None:
    assert stepped(4.9, IntDistribution(3, 9, step=2)) == 5
    assert stepped(0.74, FloatDistribution(0.0, 1.0, step=0.5)) == 0.5
    assert stepped(0.74, FloatDistribution(0.0, 1.0)) == 0.74
