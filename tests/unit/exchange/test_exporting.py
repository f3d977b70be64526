"""`kgtuner export`: formats, what is lost, and mistakes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import kgtuner as kt
from kgtuner.cli.main import main
from kgtuner.config import TrialConfig
from kgtuner.errors import ConfigError, RunError
from kgtuner.exchange.converted import Sizes
from kgtuner.exchange.exporting import FORMATS
from kgtuner.exchange.names import decoded
from kgtuner.exchange.to_libkge import libkge_options
from kgtuner.exchange.to_pykeen import pykeen_pipeline
from kgtuner.exchange.trained_run import TrainedRun
from kgtuner.parts import build_model

SIZES = Sizes(n_entities=100, n_relations=5, n_train=1000, n_queries=800)


def config(model: dict[str, Any], **sections: Any) -> TrialConfig:
    training = {"mode": "k_vs_all", "frequency_weights": False, "halve_learning_rate_after": None}
    return TrialConfig.from_mapping(
        {"loss": "cross_entropy", "training": training, **sections, "model": model}
    )


def to_pykeen(given: TrialConfig) -> tuple[dict[str, Any], str]:
    model = build_model(given.model, SIZES.n_entities, SIZES.n_relations)
    values, lost = pykeen_pipeline(given, model, SIZES, seed=3)
    return values, "\n".join(lost)


def to_libkge(given: TrialConfig) -> tuple[dict[str, Any], str]:
    model = build_model(given.model, SIZES.n_entities, SIZES.n_relations)
    values, lost = libkge_options(given, model, SIZES, dataset="graph", seed=3)
    return values, "\n".join(lost)


# ---------------------------------------------------------------------- the command


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "parquet"])
def test_every_format_writes_a_folder_with_a_readme(
    name: str, run_of: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["export", str(run_of()), "--to", name, "--output", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert "README.md" in told["files"]


def test_what_is_lost_is_told_on_stderr_and_in_the_readme(
    run_of: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["export", str(run_of()), "--to", "pykeen", "--output", str(out)]) == 0
    captured = capsys.readouterr()
    assert "not converted: training.frequency_weights: all triples weigh the same" in captured.err
    assert "frequency\\_weights: all triples weigh the same" in (out / "README.md").read_text()
    assert "frequency_weights" not in captured.out


def test_triples_are_written_by_names_that_come_back(run_of: Callable[..., Path], tmp_path: Path) -> None:
    kt.export(run_of(), to="pykeen", output=tmp_path / "out")
    graph = kt.load_run(run_of()).model.graph
    for split in ("train", "valid", "test"):
        lines = (tmp_path / "out" / f"{split}.tsv").read_text(encoding="utf-8").split("\n")[:-1]
        names = [tuple(decoded(word) for word in line.split("\t")) for line in lines]
        expected = [
            (graph.entities[h], graph.relations[r], graph.entities[t])
            for h, r, t in graph.split(split).tolist()
        ]
        assert names == expected


def test_libkge_graph_is_by_number(run_of: Callable[..., Path], tmp_path: Path) -> None:
    kt.export(run_of(), to="libkge", output=tmp_path / "out")
    about = yaml.safe_load((tmp_path / "out" / "graph" / "dataset.yaml").read_text())["dataset"]
    assert (about["num_entities"], about["num_relations"]) == (12, 2)
    assert (tmp_path / "out" / "graph" / "train.del").read_text().splitlines()[0] == "0\t0\t1"
    assert (tmp_path / "out" / "graph" / "entity_ids.del").read_text().splitlines()[0] == "0\tNew York"


def test_mistakes_are_one_sentence(run_of: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown export format 'pykeem'. Did you mean 'pykeen'?"):
        kt.export(run_of(), to="pykeem", output=tmp_path / "out")
    with pytest.raises(RunError, match="is not a run folder"):
        kt.export(tmp_path, to="npz", output=tmp_path / "out")
    with pytest.raises(RunError, match="is there already"):
        kt.export(run_of(), to="npz", output=run_of())
    with pytest.raises(ConfigError, match="unknown model in LibKGE 'tucker'"):
        kt.export(run_of("tucker"), to="libkge", output=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_training_without_a_folder_cannot_be_exported(tmp_path: Path) -> None:
    from tests.unit.exchange.conftest import small_graph

    small = config({"name": "distmult", "dimension": 4}).limited(max_steps=2, validate_every=2)
    result = kt.train(small_graph(), small, device="cpu")
    with pytest.raises(ConfigError, match="was not kept in a folder"):
        kt.export(result, to="npz", output=tmp_path / "out")


# ---------------------------------------------------------------------- to PyKEEN


def test_plain_configuration_loses_nothing() -> None:
    start = {"initializer": "normal", "initializer_scale": 0.2}  # sqrt(2 / 50), PyKEEN's xavier_normal
    values, lost = to_pykeen(
        config({"name": "complex", "dimension": 50, "inverse_relations": "independent", **start})
    )
    assert lost == ""
    assert values["model"] == "ComplEx"
    assert values["model_kwargs"]["embedding_dim"] == 25  # complex numbers there, real ones here
    assert values["dataset_kwargs"] == {"create_inverse_triples": True}
    assert values["training_loop"] == "lcwa"
    assert values["random_seed"] == 3


@pytest.mark.parametrize(
    ("model", "sections", "sentence"),
    [
        ("complex", {"regularizer": "dura"}, "regularizer.name: PyKEEN has no dura; nothing is regularised"),
        ("complex", {"regularizer": "nuclear"}, "regularizer.over: real became complex"),
        ("conve", {"regularizer": "frobenius"}, "PyKEEN's ConvE takes none"),
        (
            "distmult",
            {"negatives": "shared", "training": {}},
            "negatives.name: shared negatives became as many",
        ),
        ("distmult", {"training": {}}, "training.frequency_weights: all triples weigh the same"),
        ("distmult", {"training": {}}, "training.halve_learning_rate_after: the learning rate stays"),
        ("distmult", {"training": {"max_seconds": 5.0}}, "training.max_seconds: PyKEEN stops by epochs only"),
        ("distmult", {"training": {"max_valid_triples": 5}}, "training.max_valid_triples"),
        ("rotate", {"training": {}}, "takes the Euclidean norm of all differences"),
        ("autosf", {}, "model.structure: pipeline_from_path cannot read it from JSON"),
        ("transe", {"training": {}, "loss": "bce_sum"}, "bce_sum became a mean over the negatives"),
    ],
)
def test_what_pykeen_lacks_is_listed(model: str, sections: dict[str, Any], sentence: str) -> None:
    _, lost = to_pykeen(config({"name": model, "dimension": 60}, **sections))
    assert sentence in lost


def test_one_sided_epochs_are_twice_as_many() -> None:
    training = {"batch_size": 100, "max_epochs": 10, "validate_every": 100}
    shared, _ = to_pykeen(config({"name": "distmult", "dimension": 8}, training=training))
    own, _ = to_pykeen(
        config({"name": "distmult", "dimension": 8, "inverse_relations": "independent"}, training=training)
    )
    assert shared["training_kwargs"] == {"batch_size": 100, "num_epochs": 20}
    assert own["training_kwargs"] == {"batch_size": 100, "num_epochs": 10}
    assert own["negative_sampler_kwargs"]["corruption_scheme"] == ["tail"]
    assert own["stopper_kwargs"]["frequency"] == 5  # 100 steps of 100 of 2 x 1000 queries


def test_pipeline_is_as_long_as_the_training_was_and_the_readme_says_so(
    run_of: Callable[..., Path], tmp_path: Path
) -> None:
    kt.export(run_of(), to="pykeen", output=tmp_path / "out")
    pipeline = json.loads((tmp_path / "out" / "pipeline.json").read_text())["pipeline"]
    # 6 steps of 16 queries are 96 of the 2 x 20; an epoch there asks about one side: 2 x 2.4, rounded up
    assert pipeline["training_kwargs"]["num_epochs"] == 5
    assert "trained for 6 steps here, which are the 5 epochs" in (tmp_path / "out" / "README.md").read_text()


def test_steps_of_a_tuning_are_those_of_its_best_trial(run_of: Callable[..., Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(run_of(), run)
    (run / "results.json").write_text(json.dumps({"format": 1}))
    (run / "trials.csv").write_text(
        "stage,number,value,steps\nsubgraph,0,0.9,7\nfull,0,0.2,40.0\nfull,1,0.3,20.0\nfull,2,,9\n"
    )
    assert TrainedRun.load(run).steps == 20
    (run / "trials.csv").unlink()
    assert TrainedRun.load(run).steps is None


def test_one_vs_all_counts_triples_not_queries() -> None:
    training = {"mode": "one_vs_all", "batch_size": 100, "max_epochs": 10}
    values, _ = to_pykeen(config({"name": "distmult", "dimension": 8}, training=training))
    assert values["training_loop"] == "symmetriclcwa"
    assert values["training_kwargs"] == {"batch_size": 50, "num_epochs": 10}


# ---------------------------------------------------------------------- to LibKGE


def test_libkge_job_of_a_reciprocal_model() -> None:
    values, lost = to_libkge(
        config(
            {"name": "complex", "dimension": 50, "inverse_relations": "independent", "dropout": 0.1},
            regularizer={"name": "nuclear", "weight": 0.1, "over": "complex"},
            optimizer={"name": "adagrad", "learning_rate": 0.2},
            training={"mode": "one_vs_all", "batch_size": 100, "max_epochs": 10, "frequency_weights": False},
        )
    )
    assert values["model"] == "reciprocal_relations_model"
    assert values["import"] == ["complex", "reciprocal_relations_model"]
    assert values["train"]["type"] == "1vsAll"
    assert values["train"]["batch_size"] == 50  # triples
    assert values["train"]["optimizer"] == {"default": {"type": "Adagrad", "args": {"lr": 0.2}}}
    assert values["train"]["lr_scheduler"] == "ReduceLROnPlateau"
    assert values["lookup_embedder"]["regularize"] == "n3"
    # twice the loss, weight / p, and a mean over heads and tails together
    assert values["complex"]["entity_embedder"]["regularize_weight"] == pytest.approx(0.1 * 2 * 3 * 2)
    assert values["complex"]["relation_embedder"]["regularize_weight"] == pytest.approx(0.1 * 2 * 3)
    assert lost == "model.dropout: LibKGE drops coordinates of the candidates as well"


def test_libkge_negative_sampling() -> None:
    values, lost = to_libkge(
        config(
            {"name": "transe", "dimension": 8, "margin": 6.0, "norm": 2},
            loss={"name": "bce_adversarial", "adversarial_temperature": 0.5},
            negatives={"name": "shared", "num_negatives": 7},
            training={"mode": "negative_sampling"},
        )
    )
    assert values["model"] == "transe"
    assert values["transe"]["l_norm"] == 2.0
    assert values["train"]["loss"] == "bce_self_adversarial"
    assert values["train"]["loss_arg"] == 6.0
    assert values["user"] == {"bce_self_adversarial_temperature": 0.5}
    assert values["negative_sampling"]["num_samples"] == {"s": 7, "p": 0, "o": -1}
    assert values["negative_sampling"]["shared"] is True
    assert "negatives.filtered: LibKGE does not filter shared negatives" in lost
    assert "training.frequency_weights" in lost


def test_libkge_loses_dura() -> None:
    _, lost = to_libkge(config({"name": "rescal", "dimension": 4}, regularizer="dura"))
    assert "regularizer.name: LibKGE has no dura; nothing is regularised" in lost
