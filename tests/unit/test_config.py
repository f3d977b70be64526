"""Configurations are loaded strictly, come back from YAML as they were, and refuse hostile files."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgtuner.config import MAX_YAML_BYTES, MODES, Component, TrainingConfig, TrialConfig, parse_yaml
from kgtuner.errors import ConfigError

SMALL = {"model": {"name": "complex", "dimension": 8}, "loss": "cross_entropy"}


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_sections_left_out_have_defaults() -> None:
    config = TrialConfig.from_mapping(SMALL)
    assert config.model == Component(name="complex", options={"dimension": 8})
    assert config.loss == Component(name="cross_entropy")
    assert (config.regularizer.name, config.negatives.name, config.optimizer.name) == (
        "none",
        "independent",
        "adam",
    )
    assert config.training == TrainingConfig()


def test_defaults_are_the_published_protocol() -> None:
    training = TrainingConfig()
    assert (training.max_steps, training.validate_every) == (100_000, 2_500)
    assert (training.patience, training.halve_learning_rate_after) == (5, 3)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({**SMALL, "optimiser": "adam"}, "unknown section 'optimiser'. Did you mean 'optimizer'"),
        (
            {**SMALL, "training": {"batchsize": 3}},
            "unknown key in training 'batchsize'. Did you mean 'batch_size'",
        ),
        (
            {**SMALL, "training": {"mode": "k_vs_al"}},
            "unknown training.mode 'k_vs_al'. Did you mean 'k_vs_all'",
        ),
        ({"model": "complex"}, "the section 'loss' is missing"),
        ({"loss": "bce_mean"}, "the section 'model' is missing"),
        ({**SMALL, "model": {"dimension": 3}}, "model.name must be a text, got None"),
        ({**SMALL, "model": 3}, "model must be a name or a mapping with a name, got 3"),
        ({**SMALL, "model": {"name": "complex", 3: 4}}, "model has the key 3, which is not a name"),
        ({**SMALL, "loss": {"name": "bce_mean", "x": math.nan}}, "loss.x must be finite, got nan"),
        ({**SMALL, "training": [1]}, r"training must be a mapping, got \[1\]"),
        ([SMALL], "a configuration must be a mapping of sections, got list"),
    ],
)
def test_what_is_not_known_is_refused_with_the_nearest_that_is(mapping: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrialConfig.from_mapping(mapping)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("batch_size", 0, "training.batch_size must be a whole number of at least 1, got 0"),
        ("batch_size", 2.0, r"got 2\.0"),
        ("batch_size", True, "got True"),
        ("batch_size", "512", "got '512'"),
        ("batch_size", None, "got None"),
        ("max_steps", -1, "got -1"),
        ("patience", 0, "got 0"),
        ("max_epochs", -0.5, r"training.max_epochs must be a number of at least 0, got -0\.5"),
        ("max_seconds", math.inf, "got inf"),
        ("max_seconds", math.nan, "got nan"),
        ("max_valid_triples", 0, "got 0"),
        ("halve_learning_rate_after", 0, "got 0"),
        ("tables_on", "hots", "unknown training.tables_on 'hots'. Did you mean 'host'"),
        ("queries_at_once", 0, "training.queries_at_once must be a whole number of at least 1, got 0"),
        ("frequency_weights", 1, "training.frequency_weights must be true or false, got 1"),
        ("compile", "yes", "training.compile must be true or false, got 'yes'"),
    ],
)
def test_training_value_of_the_wrong_kind_is_refused(key: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(**{key: value})


def test_file_is_read_with_its_note_on_the_dataset(tmp_path: Path) -> None:
    text = "# a comment\ndataset: wn18rr\nmodel: {name: complex, dimension: 8}\nloss: cross_entropy\n"
    assert TrialConfig.load(written(tmp_path, text)) == TrialConfig.from_mapping(SMALL)


def test_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "model: complex\nlos: bce_mean\n")
    with pytest.raises(ConfigError, match=f"{path}: unknown section 'los'. Did you mean 'loss'"):
        TrialConfig.load(path)


def test_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere.yaml: No such file"):
        TrialConfig.load(tmp_path / "nowhere.yaml")


def test_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00model")
    with pytest.raises(ConfigError, match="expected UTF-8 text"):
        TrialConfig.load(tmp_path / "config.yaml")


def test_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "config.yaml").open("wb") as file:
        file.truncate(MAX_YAML_BYTES + 1)
    with pytest.raises(ConfigError, match="at most 1,000,000 bytes, got 1,000,001"):
        TrialConfig.load(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: *x\n", r"YAML aliases \(\*name\) are not allowed"),
        ("a: 1\na: 2\n", "line 1: not valid YAML: the key 'a' is given twice"),
        ("model: {name: complex, name: transe}\n", "the key 'name' is given twice"),
        ("a: [1\n", "not valid YAML"),
        ("a: !!python/object/apply:os.system [true]\n", "could not determine a constructor"),
        ("- 1\n", "expected a mapping of settings, got list"),
        ("", "expected a mapping of settings, got NoneType"),
        ("a: 2020-13-45\n", "a value cannot be read: month must be in 1..12"),
        ("a: " + "9" * 5000 + "\n", "a value cannot be read"),
        ("? [a]\n: b\n", "unhashable key"),
        ("a: \x00\n", "not valid YAML"),
        ("[" * 5000, "nested at most 20 deep"),
    ],
)
def test_yaml_that_is_wrong_or_hostile_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^here.*{message}"):
        parse_yaml(text, "here")


def test_many_keys_are_compared_in_no_time() -> None:
    text = "".join(f"key{i}: 1\n" for i in range(3000))
    began = time.perf_counter()
    assert len(parse_yaml(text, "here")) == 3000
    assert time.perf_counter() - began < 5


def test_numbers_are_read_as_a_reader_means_them() -> None:
    values = parse_yaml("{a: 1e-4, b: 1E3, c: '1e-4', d: 12, e: 0.5, f: true, g: null, h: one}", "here")
    assert values == {
        "a": 1e-4,
        "b": 1000.0,
        "c": "1e-4",
        "d": 12,
        "e": 0.5,
        "f": True,
        "g": None,
        "h": "one",
    }


def test_number_too_large_for_a_float_is_refused() -> None:
    mapping = parse_yaml("{model: complex, loss: {name: bce_mean, margin: 1e999}}", "here")
    with pytest.raises(ConfigError, match="loss.margin must be finite, got inf"):
        TrialConfig.from_mapping(mapping)


NAMES = st.sampled_from(["margin", "weight", "dimension", "dropout", "structure"])
VALUES = st.one_of(
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.text(max_size=12),
    st.lists(st.integers(-4, 4), max_size=4),
)
PARTS = st.builds(
    Component,
    name=st.sampled_from(["complex", "1e5", "no", "a b", "é"]),
    options=st.dictionaries(NAMES, VALUES),
)
SECONDS = st.none() | st.floats(0, 1e9) | st.integers(0, 10**9)
TRAININGS = st.builds(
    TrainingConfig,
    mode=st.sampled_from(MODES),
    batch_size=st.integers(1, 10**6),
    max_steps=st.integers(1, 10**9),
    max_epochs=SECONDS,
    max_seconds=SECONDS,
    validate_every_seconds=SECONDS,
    max_valid_triples=st.none() | st.integers(1, 10**6),
    patience=st.integers(1, 99),
    halve_learning_rate_after=st.none() | st.integers(1, 99),
    queries_at_once=st.none() | st.integers(1, 10**6),
    tables_on=st.sampled_from(["device", "host"]),
    compile=st.booleans(),
    frequency_weights=st.booleans(),
)
CONFIGS = st.builds(
    TrialConfig,
    model=PARTS,
    loss=PARTS,
    regularizer=PARTS,
    negatives=PARTS,
    optimizer=PARTS,
    training=TRAININGS,
)


@settings(max_examples=40, deadline=None)
@given(CONFIGS)
def test_configuration_comes_back_from_yaml_mapping_and_flat_names(config: TrialConfig) -> None:
    assert TrialConfig.from_mapping(parse_yaml(config.to_yaml(), "here")) == config
    assert TrialConfig.from_mapping(config.to_mapping()) == config
    assert TrialConfig.from_flat(config.flat()) == config


def test_flat_names_say_section_and_key() -> None:
    flat = TrialConfig.from_mapping(SMALL).flat()
    assert (flat["model.name"], flat["model.dimension"], flat["training.patience"]) == ("complex", 8, 5)


@pytest.mark.parametrize("name", ["dimension", "model", "model."])
def test_flat_name_without_a_section_or_key_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="expected a dotted name such as 'model.dimension'"):
        TrialConfig.from_flat({"model.name": "complex", "loss.name": "bce_mean", name: 3})


def test_update_sets_some_names_and_leaves_the_original() -> None:
    config = TrialConfig.from_mapping(SMALL)
    changed = config.updated(
        {"model.dimension": 16, "training.batch_size": 7, "optimizer.learning_rate": 0.5}
    )
    assert changed.model.options == {"dimension": 16}
    assert changed.training.batch_size == 7
    assert changed.optimizer == Component(name="adam", options={"learning_rate": 0.5})
    assert config == TrialConfig.from_mapping(SMALL)


@pytest.mark.parametrize("flipped", [False, True])
def test_update_of_a_name_drops_the_options_of_the_old_part(flipped: bool) -> None:
    config = TrialConfig.from_mapping({**SMALL, "loss": {"name": "margin_ranking", "margin": 2.0}})
    changes = [("loss.name", "bce_adversarial"), ("loss.adversarial_temperature", 0.5)]
    changed = config.updated(dict(reversed(changes) if flipped else changes))
    assert changed.loss == Component(name="bce_adversarial", options={"adversarial_temperature": 0.5})
    same = config.updated({"loss.name": "margin_ranking"})
    assert same.loss.options == {"margin": 2.0}


def test_update_to_another_model_keeps_what_every_model_has() -> None:
    options = {"dimension": 8, "dropout": 0.2, "initializer": "normal", "inverse_relations": "independent"}
    own = {"name": "conve", "filters": 3, "entity_bias": True}
    config = TrialConfig.from_mapping({**SMALL, "model": {**own, **options}})
    changed = config.updated({"model.name": "rotate", "model.margin": 6.0})
    assert changed.model == Component(name="rotate", options={**options, "margin": 6.0})
    assert config.updated({"model.name": "conve"}) == config


def test_update_of_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'training'"):
        TrialConfig.from_mapping(SMALL).updated({"trainin.batch_size": 7})
    with pytest.raises(ConfigError, match="Did you mean 'batch_size'"):
        TrialConfig.from_mapping(SMALL).updated({"training.batch_sise": 7})
    with pytest.raises(
        ConfigError, match="expected a dotted name such as 'model.dimension', got 'dimension'"
    ):
        TrialConfig.from_mapping(SMALL).updated({"dimension": 7})


def test_a_notebook_shows_the_yaml_and_runs_no_markup() -> None:
    config = TrialConfig(model=Component(name="<b>"), loss=Component(name="cross_entropy"))
    shown = config._repr_html_()
    assert shown.startswith("<pre>model: {name: ")
    assert "&lt;b&gt;" in shown


def test_limits_are_replaced_alone() -> None:
    config = TrialConfig.from_mapping(SMALL)
    limited = config.limited(max_steps=3, max_seconds=1.5)
    assert (limited.training.max_steps, limited.training.max_seconds) == (3, 1.5)
    assert limited.model == config.model
