"""From OGB's files to predictions through the command line, with and without types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kgtuner.api.training import train
from kgtuner.config import TrialConfig


def kgtuner(*arguments: str, cache: Path) -> dict[str, Any]:
    """What a command says with --json; standard input is closed, so a prompt would be an error."""
    done = subprocess.run(
        [sys.executable, "-m", "kgtuner.cli.main", *arguments, "--json"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        env={**os.environ, "KGTUNER_CACHE": str(cache)},
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ogbl-wikikg2", "ogbl-biokg"])
def test_tune_evaluate_and_predict(name: str, ogb_folders: dict[str, Path], tmp_path: Path) -> None:
    folder, run, cache = str(ogb_folders[name]), str(tmp_path / "run"), tmp_path / "cache"
    tuned = kgtuner(
        "tune",
        folder,
        "--model",
        "distmult",
        "--trials",
        "4",
        "--max-steps",
        "60",
        "--output",
        run,
        cache=cache,
    )
    assert 0 < tuned["test"]["mrr"] < 1
    assert tuned["test"]["count"] == 2 * 80
    again = kgtuner("evaluate", run, "--split", "test", cache=cache)
    assert again["mrr"] == pytest.approx(tuned["test"]["mrr"], abs=1e-6)
    modes = {trial["training.mode"] for trial in tuned.get("trials", []) if "training.mode" in trial}
    assert modes <= {"negative_sampling"}
    info = kgtuner("datasets", "info", folder, cache=cache)
    assert info["statistics"]["train_triples"] == 1_200
    if name == "ogbl-biokg":
        answers = kgtuner(
            "predict", run, "--head", "disease:D0000003", "--relation", "r0", "-k", "5", cache=cache
        )
        kinds = {prediction["entity"].partition(":")[0] for prediction in answers["predictions"]}
        assert kinds == {"disease"}  # r0 leads from diseases to diseases
        for one in answers["predictions"]:  # the generator calls the i-th disease D000000i
            assert one["entity"] == f"disease:D{one['local_id']:07d}"


@pytest.mark.slow
def test_training_a_mode_that_makes_no_sense_is_refused(ogb_folders: dict[str, Path], tmp_path: Path) -> None:
    config = tmp_path / "all.yaml"
    config.write_text(
        "model: {name: distmult, dimension: 8}\nloss: {name: cross_entropy}\ntraining: {mode: one_vs_all}\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "kgtuner.cli.main",
            "train",
            str(ogb_folders["ogbl-biokg"]),
            "--config",
            str(config),
        ],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        env={**os.environ, "KGTUNER_CACHE": str(tmp_path / "cache")},
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert (
        "training.mode one_vs_all does not suit ogbl_biokg: its triples are ranked among given" in done.stderr
    )


PUBLISHED = sorted((Path(__file__).parents[2] / "configs").glob("ogbl-*/*.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_published_configurations_start(
    path: Path, ogb_folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KGTUNER_CACHE", str(tmp_path))
    config = TrialConfig.load(path)
    assert config.training.mode == "negative_sampling"
    started = config.updated({"training.batch_size": 32}).limited(max_steps=3, validate_every=3)
    result = train(str(ogb_folders[path.parent.name]), started)
    assert result.report["steps"] == 3
    assert 0 < result.report["valid"]["mrr"] < 1
