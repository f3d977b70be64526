"""kgtuner.space.loading: the paper's spaces, and a user's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kgtuner.domains import Choices, Float
from kgtuner.errors import ConfigError
from kgtuner.space import Space, load_space


def load(folder: Path, text: str, models: tuple[str, ...] = ("complex",), **options: Any) -> Space:
    path = folder / "space.yaml"
    path.write_text(text, encoding="utf-8")
    return load_space(path, models, **options)


# Section 2 of the paper: what differs between its two spaces.
FULL = {
    "regularizer.weight": Float(1e-12, 1e2, log=True),
    "model.dropout": Float(0.0, 0.5),
    "optimizer.name": Choices(("adam", "adagrad", "sgd")),
    "optimizer.learning_rate": Float(1e-5, 1.0, log=True),
    "training.batch_size": Choices((128, 256, 512, 1024), ordered=True),
    "model.dimension": Choices((100, 200, 500, 1000, 2000), ordered=True),
    "model.inverse_relations": Choices(("shared", "independent")),
}
REDUCED = {
    "regularizer.weight": Float(1e-8, 1e-2, log=True),
    "model.dropout": Float(0.0, 0.3),
    "optimizer.name": Choices(("adam",)),
    "optimizer.learning_rate": Float(1e-4, 1e-1, log=True),
    "training.batch_size": Choices((128,), ordered=True),
    "model.dimension": Choices((100,), ordered=True),
    "model.inverse_relations": Choices(("shared",)),
}
SAME = {
    "negatives.num_negatives": Choices((32, 128, 512, 2048), ordered=True),
    "loss.margin": Float(1.0, 24.0),
    "loss.adversarial_temperature": Float(0.5, 2.0),
    "model.margin": Float(1.0, 24.0),
}


@pytest.mark.parametrize(("preset", "table"), [("full", FULL), ("reduced", REDUCED)])
def test_the_presets_are_the_papers_table(preset: str, table: dict[str, object]) -> None:
    space = load_space(preset, ["complex", "rotate"])
    assert {name: space.by_name[name].domain for name in (*table, *SAME)} == {**table, **SAME}
    for name, size in [
        ("loss.name", 5),
        ("regularizer.name", 4),
        ("model.initializer", 4),
        ("training.mode", 3),
    ]:
        domain = space.by_name[name].domain
        assert isinstance(domain, Choices)
        assert len(domain.values) == size


def test_the_reduced_space_is_about_one_seven_hundredth() -> None:
    # decades 5/3 and 14/6, dropout 5/3, three optimisers, four batch sizes, five dimensions, two: 777.8
    ratio = load_space("full", ["complex"]).volume() / load_space("reduced", ["complex"]).volume()
    assert ratio == pytest.approx(5 / 3 * 14 / 6 * 5 / 3 * 3 * 4 * 5 * 2)


def test_a_file_narrows_fixes_and_widens_within_what_is_legal(tmp_path: Path) -> None:
    space = load(
        tmp_path,
        "base: reduced\n"
        "parameters:\n"
        "  optimizer.learning_rate: {low: 1e-3}\n"
        "  training.batch_size: [64, 128]\n"
        "  loss.name: cross_entropy\n"
        "  regularizer.weight: {high: 1}\n",
    )
    assert space.by_name["optimizer.learning_rate"].domain == Float(1e-3, 1e-1, log=True)
    assert space.by_name["training.batch_size"].domain == Choices((64, 128), ordered=True)
    assert space.by_name["regularizer.weight"].domain == Float(1e-8, 1.0, log=True)
    drawn = space.sample(np.random.default_rng(0))
    assert drawn["loss.name"] == "cross_entropy"
    assert drawn["model.dimension"] == 100


def test_a_range_of_an_ordered_list_takes_the_values_inside(tmp_path: Path) -> None:
    space = load(tmp_path, "parameters: {model.dimension: {low: 30, high: 37}}")
    assert space.by_name["model.dimension"].domain == Choices((30, 32, 34, 36), ordered=True)


def test_a_parameter_of_another_model_is_skipped(tmp_path: Path) -> None:
    assert "model.margin" not in load(tmp_path, "parameters: {model.margin: 3}").by_name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("parameters: {optimizer.learning_rat: 1}", "Did you mean 'optimizer.learning_rate'?"),
        ("parameter: {}", "unknown key 'parameter'. Did you mean 'parameters'?"),
        ("parameters: [1]", "parameters must map names to ranges or values, got list"),
        ("base: reduce", "unknown base 'reduce'. Did you mean 'reduced'?"),
        ("base: space.yaml", "unknown base 'space.yaml'"),
        (
            "parameters: {loss.name: cross_entrop}",
            "unknown loss.name 'cross_entrop'. Did you mean 'cross_entropy'?",
        ),
        ("parameters: {model.dropout: {high: 0.9}}", r"model.dropout must be in \[0, 0.5\], got \[0, 0.9\]"),
        ("parameters: {model.dropout: null}", r"model.dropout must be in \[0, 0.5\], got None"),
        ("parameters: {model.dimension: 33}", "model.dimension must be one of 2, 4, 6, …, 4096, got 33"),
        ("parameters: {model.name: rotate}", "model.name must be one of complex, got rotate"),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence_that_names_it(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        load(tmp_path, text)
    assert "space.yaml: " in str(caught.value)


def test_a_space_without_a_valid_configuration_says_why(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="no valid configuration: rotate is trained with sampled negatives only"
    ):
        load(tmp_path, "parameters: {training.mode: k_vs_all}", ("rotate",))
    with pytest.raises(ConfigError, match="no valid configuration: this graph has too many entities"):
        load(tmp_path, "parameters: {training.mode: one_vs_all}", all_entities=False)


def test_an_unknown_preset_and_a_missing_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'full'"):
        load_space("ful", ["complex"])
    with pytest.raises(ConfigError, match=r"cannot read .*none\.yaml"):
        load_space(tmp_path / "none.yaml", ["complex"])
