"""What MLflow itself reads from its stores, files and sqlite. It comes with kgtuner[mlflow]."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from kgtuner.tracking.mlflow import PARENT, MlflowTracker, mlflow_tracker
from kgtuner.tuning.events import Event, RunEnded, RunStarted, TrialEnded, TrialProgress, TrialStarted
from kgtuner.tuning.watching import Watchers

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]  # the peer's own warnings are not ours

SETTINGS = {"metric": "mrr", "seed": 0, "models": ["rotate"]}
REACHED: list[Event] = [
    TrialStarted("subgraph", 0, {"model.name": "rotate", "model.dimension": 64}),
    TrialProgress("subgraph", 0, 500, 1.0, 0.25, 0.5),
    TrialProgress("subgraph", 0, 1000, 2.0, 0.375, 0.125),
    TrialEnded("subgraph", 0, 0.375, None, 2.0, True),
    TrialStarted("full", 0, {"model.name": "rotate"}),
    TrialEnded("full", 0, None, "diverged: the loss is nan", 1.0, False),
]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own, without word to MLflow's makers, and with the environment as it was."""
    pytest.importorskip("mlflow", reason="MLflow comes with kgtuner[mlflow]")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "false")
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")  # the tracker sets it; what was there comes back


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "toy"
    folder.mkdir(parents=True)
    (folder / "best.yaml").write_text("model: rotate\n")
    return folder


@pytest.fixture(params=["file", "sqlite"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {"file": (tmp_path / "mlruns").as_uri(), "sqlite": f"sqlite:///{tmp_path}/mlflow.db"}[
        request.param
    ]


def tell(tracker: Any, output: Path, *events: Event, resumed: bool = False, metric: str = "mrr") -> None:
    started = RunStarted(output, "toy", SETTINGS | {"metric": metric}, resumed)
    for event in (started, *events):
        tracker.notify(event, 0.0, None)


def runs(uri: str) -> dict[str, Any]:
    """All runs by name."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("kgtuner")
    assert experiment is not None
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def history(uri: str, run: Any, metric: str) -> list[tuple[int, float]]:
    from mlflow import MlflowClient

    found = MlflowClient(tracking_uri=uri).get_metric_history(run.info.run_id, metric)
    return sorted((point.step, point.value) for point in found)


def test_a_run_has_a_nested_run_for_each_trial_with_curves_and_reasons(uri: str, output: Path) -> None:
    ended = RunEnded("trials", {"model.name": "rotate"}, {"mrr": 0.5, "mean_rank": 3.0}, {"mrr": 0.25})
    tell(mlflow_tracker(uri), output, *REACHED, ended)
    found = runs(uri)
    assert set(found) == {"toy", "subgraph 0", "full 0"}
    parent, good, bad = found["toy"], found["subgraph 0"], found["full 0"]
    assert {run.data.tags[PARENT] for run in (good, bad)} == {parent.info.run_id}
    assert [run.info.status for run in (parent, good, bad)] == ["FINISHED", "FINISHED", "FAILED"]
    assert good.data.params == {"model.name": "rotate", "model.dimension": "64"}
    assert history(uri, good, "mrr") == [(500, 0.25), (1000, 0.375)]
    assert history(uri, good, "loss") == [(500, 0.5), (1000, 0.125)]
    assert good.data.metrics["best_mrr"] == 0.375
    assert (good.data.tags["stage"], bad.data.tags["stage"]) == ("subgraph", "full")
    assert bad.data.tags["reason"] == "diverged: the loss is nan"
    assert parent.data.params == {"metric": "mrr", "seed": "0", "models": "['rotate']"}
    assert parent.data.metrics == {"valid_mrr": 0.5, "valid_mean_rank": 3.0, "test_mrr": 0.25}
    assert parent.data.tags["graph"] == "toy"
    assert parent.data.tags["stopped_by"] == "trials"
    assert artifact(uri, parent, output.parent) == "model: rotate\n"


def artifact(uri: str, run: Any, place: Path) -> str:
    """The artifact best.yaml, fetched as a user of MLflow would."""
    from mlflow import MlflowClient

    place = place / "fetched"
    place.mkdir()
    client = MlflowClient(tracking_uri=uri)
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["best.yaml"]
    return Path(client.download_artifacts(run.info.run_id, "best.yaml", str(place))).read_text()


def test_a_resumed_run_goes_on_in_its_parent_and_closes_what_a_kill_left_open(uri: str, output: Path) -> None:
    tell(MlflowTracker(uri), output, *REACHED, TrialStarted("full", 1, {}))  # and then it is killed
    tell(MlflowTracker(uri), output, TrialStarted("full", 2, {}), RunEnded("interrupted"), resumed=True)
    found = runs(uri)
    assert set(found) == {"toy", "subgraph 0", "full 0", "full 1", "full 2"}
    assert {run.data.tags.get(PARENT) for run in found.values()} == {None, found["toy"].info.run_id}
    status = {name: run.info.status for name, run in found.items()}
    assert status == {
        "toy": "KILLED", "subgraph 0": "FINISHED", "full 0": "FAILED", "full 1": "KILLED", "full 2": "KILLED"
    }  # fmt: skip
    assert found["full 1"].data.tags["reason"] == "interrupted"


def test_a_new_run_in_the_same_folder_is_a_parent_of_its_own(tmp_path: Path, output: Path) -> None:
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for _ in range(2):
        tell(MlflowTracker(uri, "mine"), output, RunEnded("trials"))
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("mine")
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 2


def test_a_mean_rank_is_logged_as_it_was_measured(tmp_path: Path, output: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    trial: list[Event] = [
        TrialStarted("full", 0, {}),
        TrialProgress("full", 0, 10, 1.0, -8.0, 0.5),
        TrialEnded("full", 0, -8.0, None, 1.0, True),
    ]
    tell(MlflowTracker(uri), output, *trial, RunEnded("trials"), metric="mean_rank")
    assert runs(uri)["full 0"].data.metrics == {"mean_rank": 8.0, "best_mean_rank": 8.0, "loss": 0.5}


def test_long_values_are_cut_to_what_every_store_takes(tmp_path: Path, output: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    failed = TrialEnded("full", 0, None, "y" * 9_000, 1.0, False)
    tell(MlflowTracker(uri), output, TrialStarted("full", 0, {"a": "x" * 9_000}), failed, RunEnded("trials"))
    run = runs(uri)["full 0"]
    assert run.data.params == {"a": "x" * 5_000}
    assert run.data.tags["reason"] == "y" * 5_000


def test_a_server_that_is_down_costs_a_note_and_no_time(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    watchers = Watchers([mlflow_tracker("http://127.0.0.1:9")])  # the port `discard`, where nobody listens
    began = time.monotonic()
    left_out = watchers.tell(RunStarted(output, "toy", SETTINGS, False), 0.0, None)
    assert left_out == []
    assert time.monotonic() - began < 1.0
    left_out = watchers.tell(RunEnded("trials"), 1.0, None)
    assert [left.message.partition(" (")[0] for left in left_out] == [
        "MLflow failed and is told no more; the run goes on"
    ]
