"""Foreign configurations become ours, and nothing of them is dropped in silence."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import kgtuner as kt
from kgtuner.cli.main import main
from kgtuner.config import TrialConfig
from kgtuner.errors import ConfigError, KGTunerError
from kgtuner.exchange.importing import ImportedConfig
from kgtuner.shipped import shipped_folder
from kgtuner.space.paper import from_published

PUBLISHED = shipped_folder("configs") / "published.json"


def imported(tmp_path: Path, mapping: Any, **options: Any) -> ImportedConfig:
    suffix = options.pop("suffix", ".yaml")
    path = tmp_path / f"given{suffix}"
    text = (
        mapping
        if isinstance(mapping, str)
        else json.dumps(mapping)
        if suffix == ".json"
        else yaml.safe_dump(mapping)
    )
    path.write_text(text, encoding="utf-8")
    return kt.import_config(path, **options)


# ---------------------------------------------------------------------- the paper's


def published() -> dict[str, dict[str, Any]]:
    collection: dict[str, dict[str, Any]] = json.loads(PUBLISHED.read_text(encoding="utf-8"))["datasets"]
    return collection


@pytest.mark.parametrize("dataset", sorted(published()))
def test_every_published_configuration_is_the_one_we_ship(dataset: str) -> None:
    for model, entry in published()[dataset].items():
        got = kt.import_config(PUBLISHED, dataset=dataset, model=model)
        settings = {k: v for k, v in entry["configuration"].items() if k != "structure"}
        assert got.source == "kgtuner-paper"
        assert got.dataset == dataset
        expected = TrialConfig.from_mapping(from_published(model, settings))
        assert got.config == expected


def test_collection_asks_which_one() -> None:
    with pytest.raises(ConfigError, match="the file holds several: give --dataset, one of wn18rr"):
        kt.import_config(PUBLISHED)
    with pytest.raises(ConfigError, match="Did you mean 'complex'?"):
        kt.import_config(PUBLISHED, dataset="wn18rr", model="ComplexE")


def test_single_published_configuration_says_what_has_no_effect(tmp_path: Path) -> None:
    settings = published()["wn18rr"]["ComplEx"]["configuration"]
    got = imported(tmp_path, {"model": "ComplEx", **settings, "seed": 5}, suffix=".json")
    assert got.source == "kgtuner-paper"
    assert "seed = 5" in got.not_converted
    assert any(sentence.startswith("gamma = 2.29") for sentence in got.not_converted)
    with pytest.raises(ConfigError, match="does not say which model it is for; give --model"):
        imported(tmp_path, settings)


# ---------------------------------------------------------------------- LibKGE's

# The example of its repository, examples/toy-complex-train-sampling.yaml, https://github.com/uma-pi1/kge
SAMPLING = """\
job.type: train
dataset.name: toy
model: complex
train:
  type: negative_sampling
  optimizer: Adagrad
  optimizer_args:
    lr: 0.6
    weight_decay: 0.4e-7
  loss: margin_ranking
  loss_arg: 2.0  # margin
  batch_size: 512
lookup_embedder.dim: 100
negative_sampling:
  num_samples:
    s: 30
    p: 30
    o: -1  # means: as s
  filtering:
    s: True
    o: True
    p: True
    implementation: fast_if_available
"""


def test_libkge_example(tmp_path: Path) -> None:
    got = imported(tmp_path, SAMPLING)
    assert (got.source, got.dataset) == ("libkge", "toy")
    flat = got.config.flat()
    assert flat["model.name"] == "complex"
    assert flat["model.dimension"] == 100
    assert flat["model.initializer"] == "normal"  # LibKGE's default, N(0, 1)
    assert flat["model.initializer_scale"] == 1.0
    assert flat["loss.name"] == "margin_ranking"
    assert flat["loss.margin"] == 2.0
    assert flat["optimizer.learning_rate"] == 0.6
    assert flat["negatives.num_negatives"] == 30
    assert flat["negatives.filtered"] is True
    assert got.config.training.batch_size == 1024  # a triple is two queries
    assert got.config.training.max_epochs == 20  # LibKGE's default
    assert got.config.training.halve_learning_rate_after is None
    lost = "\n".join(got.not_converted)
    assert "train.optimizer_args.weight_decay = 4e-08" in lost
    assert "negative_sampling.num_samples.p = 30: relations are not corrupted" in lost


def test_libkge_reciprocal_with_nested_and_dotted_keys(tmp_path: Path) -> None:
    got = imported(
        tmp_path,
        {
            "import": ["complex", "reciprocal_relations_model"],
            "model": "reciprocal_relations_model",
            "reciprocal_relations_model.base_model.type": "complex",
            "train": {"type": "KvsAll", "loss": "kl", "optimizer.default": {"type": "Adam", "args.lr": 0.01}},
            "train.batch_size": 64,
            "KvsAll": {"label_smoothing": 0.3, "query_types": {"s_o": False}},
            "complex": {"entity_embedder": {"dropout": 0.2, "regularize_weight": 0.06}},
            "complex.relation_embedder": {"dropout": -0.3, "regularize_weight": 0.03},
            "lookup_embedder": {
                "dim": 32,
                "initialize": "xavier_normal_",
                "regularize": "n3",
                "regularize_args": {"weighted": True, "+++": "+++"},
            },
            "made_up": {"switch": 1},
        },
    )
    flat = got.config.flat()
    assert flat["model.inverse_relations"] == "independent"
    assert flat["model.dimension"] == 32
    assert flat["model.dropout"] == 0.2
    assert flat["optimizer.name"] == "adam"
    assert flat["loss.label_smoothing"] == 0.3
    assert flat["regularizer.name"] == "nuclear"
    assert flat["regularizer.over"] == "complex"
    assert flat["regularizer.weight"] == pytest.approx(0.06 / 2 / 3)
    assert got.config.training.batch_size == 64  # queries already
    assert "made_up.switch = 1" in got.not_converted
    assert any(s.startswith("relation_embedder.dropout = 0:") for s in got.not_converted)


def test_libkge_search_with_fixed_values_is_a_configuration(tmp_path: Path) -> None:
    fixed = {"model": "distmult", "train.type": "1vsAll", "train.loss": "kl", "train.batch_size": 128}
    parameters = [{"name": k, "type": "fixed", "value": v} for k, v in fixed.items()]
    got = imported(tmp_path, {"job.type": "search", "ax_search": {"parameters": parameters}})
    assert got.config.training.mode == "one_vs_all"
    assert got.config.training.batch_size == 256
    parameters.append({"name": "train.optimizer_args.lr", "type": "range", "bounds": [0.1, 1]})
    with pytest.raises(ConfigError, match="ax_search leaves 'train.optimizer_args.lr' open"):
        imported(tmp_path, {"job.type": "search", "ax_search": {"parameters": parameters}})


def test_libkge_unweighted_penalty_is_listed(tmp_path: Path) -> None:
    got = imported(
        tmp_path, {"job.type": "train", "model": "complex", "lookup_embedder.regularize_weight": 0.1}
    )
    assert got.config.regularizer.name == "none"
    assert any("LibKGE takes it of all embeddings in each step" in s for s in got.not_converted)


# ---------------------------------------------------------------------- PyKEEN's

# pykeen/experiments/rotate/sun2019_rotate_wn18rr.json of PyKEEN 1.11.1
ROTATE = {
    "metadata": {"title": "Learn WN18RR Dataset with RotatE as described by Sun et al., 2019"},
    "pipeline": {
        "dataset": "wn18rr",
        "model": "RotatE",
        "model_kwargs": {
            "embedding_dim": 500,
            "entity_initializer": "uniform",
            "relation_initializer": "init_phases",
            "relation_constrainer": "complex_normalize",
        },
        "optimizer": "Adam",
        "optimizer_kwargs": {"lr": 0.00005},
        "loss": "nssa",
        "loss_kwargs": {"reduction": "mean", "adversarial_temperature": 0.5, "margin": 6},
        "training_loop": "SLCWA",
        "negative_sampler": "basic",
        "negative_sampler_kwargs": {"num_negs_per_pos": 1024},
        "training_kwargs": {"num_epochs": 1000, "batch_size": 512},
        "evaluator_kwargs": {"filtered": True},
    },
    "results": {"mean_reciprocal_rank": {"nondeterministic": 0.476}},
}


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_pykeen_experiment(tmp_path: Path, suffix: str) -> None:
    got = imported(tmp_path, ROTATE, suffix=suffix)
    assert (got.source, got.dataset) == ("pykeen", "wn18rr")
    flat = got.config.flat()
    assert flat["model.dimension"] == 1000  # real numbers
    assert flat["model.margin"] == 6.0
    assert flat["model.inverse_relations"] == "shared"
    assert flat["loss.name"] == "bce_adversarial"
    assert flat["loss.adversarial_temperature"] == 0.5
    assert flat["negatives.num_negatives"] == 1024
    assert flat["negatives.filtered"] is False
    assert got.config.training.batch_size == 512
    assert got.config.training.max_epochs == 500  # theirs ask about one side of each triple
    assert got.config.training.frequency_weights is False
    assert any("Euclidean norm" in sentence for sentence in got.not_converted)


def test_pykeen_defaults_that_have_no_counterpart_are_listed(tmp_path: Path) -> None:
    got = imported(
        tmp_path, {"pipeline": {"model": "DistMult", "dataset": "umls", "made_up": 1, "optimizer": "Adam"}}
    )
    lost = "\n".join(got.not_converted)
    assert "regularizer = 'Lp' (weight 0.1, p = 2.0): no such regulariser here" in lost
    assert "model_kwargs.entity_constrainer = 'normalize': embeddings are not constrained" in lost
    assert "made_up = 1" in lost
    assert got.config.model.options["dimension"] == 50


def test_pykeen_open_ranges_are_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model_kwargs_ranges leaves values open.*give best_pipeline"):
        imported(tmp_path, {"pipeline": {"model": "TransE", "model_kwargs_ranges": {"embedding_dim": {}}}})


@pytest.mark.parametrize("format_name", ["pykeen", "libkge"])
@pytest.mark.parametrize(
    ("name", "options"),
    [("complex", {"inverse_relations": "independent"}), ("transe", {"margin": 4.0}), ("rescal", {})],
)
def test_what_we_export_comes_back(
    run_of: Callable[..., Path], tmp_path: Path, format_name: str, name: str, options: dict[str, Any]
) -> None:
    kt.export(run_of(name, **options), to=format_name, output=tmp_path / "out")
    got = kt.import_config(
        tmp_path / "out" / {"pykeen": "pipeline.json", "libkge": "config.yaml"}[format_name]
    )
    ours = TrialConfig.load(run_of(name, **options) / "best.yaml")
    assert got.source == format_name
    assert got.config.model.name == name
    assert got.config.loss.name == "cross_entropy"
    assert got.config.training.mode == ours.training.mode
    assert got.config.training.batch_size == ours.training.batch_size
    for option in ("dimension", "inverse_relations"):
        assert got.config.model.options[option] == ours.model.options.get(option, "shared")
    assert got.config.optimizer.options["learning_rate"] == 0.001
    assert got.config.negatives.options["num_negatives"] == 8


# ---------------------------------------------------------------------- the command


def test_file_trains_and_says_what_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("theirs.yaml").write_text(SAMPLING)
    assert main(["import-config", "theirs.yaml", "--output", "ours.yaml", "--json"]) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert told["source"] == "libkge"
    assert told["not_converted"]
    assert all(f"not converted: {sentence}" in captured.err for sentence in told["not_converted"])
    assert TrialConfig.load("ours.yaml").to_mapping() == told["config"]
    assert "# not converted: train.optimizer_args.weight_decay" in Path("ours.yaml").read_text()


def test_comments_cannot_become_settings(tmp_path: Path) -> None:
    got = imported(tmp_path, {"job.type": "train", "model": "complex", "x\nloss: bce_sum\u2028y": "1\n2"})
    got.save(tmp_path / "ours.yaml", "theirs\n.yaml")
    assert TrialConfig.load(tmp_path / "ours.yaml") == got.config


LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nmodel: *b\n"


@pytest.mark.parametrize(
    ("text", "suffix", "sentence"),
    [
        ("- a\n- b\n", ".yaml", "expected a mapping of settings, got list"),
        ("[1]", ".json", "expected a mapping of settings, got list"),
        ("just words", ".yaml", "expected a mapping of settings, got str"),
        (LAUGHS, ".yaml", "YAML aliases"),
        ("a" * 1_000_001, ".json", "a configuration has at most 1,000,000 bytes"),
        ("a" * 1_000_001, ".yaml", "a configuration has at most 1,000,000 bytes"),
        ('{"a":' * 30 + "1" + "}" * 30, ".json", "nested at most 20 deep"),
        ('{"a":' * 100_000, ".json", "not valid JSON"),
        ("{", ".json", "not valid JSON"),
        ("hello: world\n", ".yaml", "neither a published KGTuner, a LibKGE nor a PyKEEN configuration"),
        ("job.type: train\n", ".yaml", "needs 'model'"),
        ("job.type: train\nmodel: dismult\n", ".yaml", "model 'dismult' has no counterpart in KGTuner"),
        ("job.type: train\nmodel: 7\n", ".yaml", "model must be a text, got 7"),
        ("job.type: train\nmodel: complex\ntrain.loss: se\n", ".yaml", "train.loss 'se' has no counterpart"),
        ("job.type: train\nmodel: complex\ntrain.batch_size: many\n", ".yaml", "train.batch_size must be a finite"),
        ("job.type: train\nmodel: complex\ntrain.batch_size: 1.5\n", ".yaml", "must be a whole number, got 1.5"),
        ("job.type: train\nmodel: complex\ntrain.max_epochs: .nan\n", ".yaml", "train.max_epochs must be a finite"),
        ("job.type: train\nmodel: complex\nlookup_embedder.dim: 3\n", ".yaml", "positive multiple of 2"),
        ("pipeline: {model: TransD}\n", ".yaml", "model 'TransD' has no counterpart in KGTuner"),
        ("pipeline: {model: [1]}\n", ".yaml", r"model \[1\] has no counterpart"),
        ("pipeline: {model: TransE, loss: focal}\n", ".yaml", "loss 'focal' has no counterpart"),
        ("pipeline: {model: TransE, loss: 1}\n", ".yaml", "loss must be a text, got 1"),
        ("pipeline: {model: TransE, model_kwargs: {embedding_dim: x}}\n", ".yaml", "embedding_dim must be a finite"),
        ("pipeline: {model: TransE, optimizer: SGD}\n", ".yaml", "SGD needs a learning rate"),
        (f"pipeline: {{model: TransE, optimizer_kwargs: {{lr: {'9' * 400}}}}}\n", ".yaml", "lr must be a finite"),
        ("pipeline: {model: ConvE, model_kwargs: {output_channels: 1000000000000000}}\n", ".yaml", "too large for any"),
        ("datasets: {}\n", ".yaml", "dataset must be a mapping of settings"),
        ("datasets: {a: {b: 1}}\n", ".yaml", "b must be a mapping of settings, got 1"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(tmp_path: Path, text: str, suffix: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        imported(tmp_path, text, suffix=suffix)
    assert "\n" not in str(caught.value)


def test_wrong_source_is_offered_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown source 'pykeem'. Did you mean 'pykeen'?"):
        imported(tmp_path, SAMPLING, source="pykeem")
    with pytest.raises(ConfigError, match="cannot read"):
        kt.import_config(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("output", ["theirs.yaml", "./theirs.yaml", "link.yaml", "same.yaml"])
def test_the_file_to_convert_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("theirs.yaml").write_text(SAMPLING)
    Path("link.yaml").symlink_to("theirs.yaml")
    Path("same.yaml").hardlink_to("theirs.yaml")
    assert main(["import-config", "theirs.yaml", "--output", output]) == ConfigError.exit_code
    assert "is the file to convert, which is kept; choose another name" in capsys.readouterr().err
    assert Path("theirs.yaml").read_text() == SAMPLING
    assert Path("link.yaml").is_symlink()


@pytest.mark.parametrize(
    ("key", "usual", "other"),
    [
        ("KvsAll.query_types.sp_", True, False),
        ("KvsAll.query_types._po", True, False),
        ("lookup_embedder.pretrain.model_filename", "", "other.pt"),
        ("complex.entity_embedder.pretrain.model_filename", "", "other.pt"),
        ("entity_ranking.tie_handling", "rounded_mean_rank", "best_rank"),
        ("entity_ranking.filter_with_test", True, False),
        ("negative_sampling.with_replacement", True, False),
    ],
)
def test_libkge_settings_without_counterpart_are_listed_unless_usual(
    tmp_path: Path, key: str, usual: Any, other: Any
) -> None:
    mode = "negative_sampling" if key.startswith("negative") else "KvsAll"
    job = {
        "job.type": "train",
        "job.device": "cpu",
        "model": "complex",
        "train.type": mode,
        "train.num_workers": 4,
    }
    assert imported(tmp_path, {**job, key: usual}).not_converted == imported(tmp_path, job).not_converted
    assert f"{key} = {other!r}" in imported(tmp_path, {**job, key: other}).not_converted


@pytest.mark.parametrize(
    ("key", "usual", "other"),
    [
        ("evaluator_kwargs.filtered", True, False),
        ("evaluator", "RankBasedEvaluator", "sklearn"),
        ("filter_validation_when_testing", True, False),
        ("negative_sampler_kwargs.filterer", "python-set", "bloom"),
    ],
)
def test_pykeen_settings_without_counterpart_are_listed_unless_as_here(
    tmp_path: Path, key: str, usual: Any, other: Any
) -> None:
    plain = {"model": "TransE", "negative_sampler_kwargs.filtered": True, "device": "cpu", "use_tqdm": False}
    without = imported(tmp_path, {"pipeline": plain}).not_converted
    assert imported(tmp_path, {"pipeline": {**plain, key: usual}}).not_converted == without
    assert f"{key} = {other!r}" in imported(tmp_path, {"pipeline": {**plain, key: other}}).not_converted


def test_pykeen_empty_loss_is_the_default_and_a_text_is_no_scheme(tmp_path: Path) -> None:
    pipeline = {"model": "TransE", "loss": None, "negative_sampler_kwargs": {"corruption_scheme": 5}}
    got = imported(tmp_path, {"pipeline": pipeline})
    assert got.config.loss.name == "margin_ranking"
    assert "negative_sampler_kwargs.corruption_scheme = 5: both sides are asked for" in got.not_converted
    pipeline["negative_sampler_kwargs"] = {"corruption_scheme": ["tail", "head"]}
    assert not any("corruption_scheme" in s for s in imported(tmp_path, {"pipeline": pipeline}).not_converted)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2, 64, 10**15, int("9" * 400), -0.5, 0.1, 1e308, float("nan"), float("inf")]),
    st.sampled_from(["", "tail", "TransE", "ConvE", "TuckER", "nssa", "SLCWA", "LCWA", "conve", "kl", "KvsAll", "n3"]),
    st.just([]),
    st.lists(st.sampled_from(["head", "tail", 3, None]), max_size=2),
    st.just({}),
    st.dictionaries(st.sampled_from(["s", "p", "lr", "weight", "type"]), st.sampled_from([None, 1, "x"]), max_size=2),
)  # fmt: skip
PYKEEN_KEYS = [
    "loss", "loss_kwargs", "loss_kwargs.margin", "loss_kwargs.reduction", "loss_kwargs.adversarial_temperature",
    "training_loop", "optimizer", "optimizer_kwargs.lr", "training_kwargs.batch_size", "training_kwargs.num_epochs",
    "training_kwargs.label_smoothing", "negative_sampler", "negative_sampler_kwargs.num_negs_per_pos", "stopper",
    "negative_sampler_kwargs.corruption_scheme", "negative_sampler_kwargs.filtered", "stopper_kwargs.patience",
    "model_kwargs.embedding_dim", "model_kwargs.output_channels", "model_kwargs.entity_initializer",
    "model_kwargs.scoring_fct_norm", "model_kwargs.relation_dim", "regularizer", "regularizer_kwargs.weight",
    "regularizer_kwargs.p", "dataset_kwargs.create_inverse_triples", "model_kwargs.embedding_height",
]  # fmt: skip
LIBKGE_KEYS = [
    "train.type", "train.loss", "train.loss_arg", "train.optimizer", "train.optimizer_args.lr", "train.batch_size",
    "train.max_epochs", "train.lr_scheduler", "train.lr_scheduler_args.patience", "KvsAll.label_smoothing",
    "lookup_embedder.dim", "lookup_embedder.dropout", "lookup_embedder.initialize", "lookup_embedder.regularize",
    "lookup_embedder.initialize_args.std", "lookup_embedder.regularize_weight", "negative_sampling.num_samples.s",
    "lookup_embedder.regularize_args.weighted", "negative_sampling.num_samples", "valid.metric", "transe.l_norm",
    "valid.early_stopping.patience", "ax_search.parameters", "conve.feature_map_dropout", "import",
]  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(
    model=st.sampled_from(
        ["TransE", "ComplEx", "ConvE", "TuckER", "RotatE", "RESCAL", "TransD", 5, None, []]
    ),
    foreign=st.one_of(
        st.tuples(st.just("pykeen"), st.dictionaries(st.sampled_from(PYKEEN_KEYS), VALUES, max_size=3)),
        st.tuples(st.just("libkge"), st.dictionaries(st.sampled_from(LIBKGE_KEYS), VALUES, max_size=3)),
    ),
)
def test_whatever_the_values_are_only_our_errors_come_out(
    model: Any, foreign: tuple[str, dict[str, Any]]
) -> None:
    source, options = foreign
    mapping = {"model": model, **options}
    with tempfile.TemporaryDirectory() as place, suppress(KGTunerError):
        imported(
            Path(place),
            {"pipeline": mapping} if source == "pykeen" else mapping,
            source=source,
            suffix=".json",
        )
