"""What TensorBoard itself reads from the event files. It comes with kgtuner[tensorboard]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kgtuner.tracking.tensorboard import TensorBoardTracker
from kgtuner.tuning.events import Event, RunEnded, RunStarted, TrialEnded, TrialProgress, TrialStarted

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]  # the peer's own warnings are not ours


def told(folder: Path, *events: Event, metric: str = "mrr") -> None:
    pytest.importorskip("tensorboard", reason="tensorboard comes with kgtuner[tensorboard]")
    tracker = TensorBoardTracker(folder)
    for event in (RunStarted(Path("runs/toy"), "toy", {"metric": metric}, resumed=False), *events):
        tracker.notify(event, 0.0, None)


def read(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder)).Reload()


def curve(events: Any, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_a_trial_has_its_curves_and_its_hyper_parameters(tmp_path: Path) -> None:
    chosen = {"model.name": "rotate", "model.dimension": 64, "model.shape": [1, 2], "training.dropout": None}
    told(
        tmp_path,
        TrialStarted("full", 3, chosen),
        TrialProgress("full", 3, 500, 1.0, 0.25, 0.5),
        TrialProgress("full", 3, 1000, 2.0, 0.375, 0.125),
        TrialEnded("full", 3, 0.375, None, 2.0, True),
        RunEnded("trials"),
    )
    events = read(tmp_path / "toy" / "full-3")
    assert curve(events, "metric/mrr") == [(500, 0.25), (1000, 0.375)]
    assert curve(events, "loss") == [(500, 0.5), (1000, 0.125)]
    assert [value for _, value in curve(events, "hparam/mrr")] == [0.375]
    assert hyper_parameters(events) == {
        "model.name": "rotate",
        "model.dimension": 64.0,
        "model.shape": "[1, 2]",
        "training.dropout": "None",
    }


def test_two_trials_are_two_runs_and_a_mean_rank_is_positive(tmp_path: Path) -> None:
    told(
        tmp_path,
        TrialStarted("subgraph", 0, {}),
        TrialProgress("subgraph", 0, 10, 1.0, -8.0, 0.5),
        TrialStarted("full", 0, {}),
        TrialProgress("full", 0, 10, 1.0, -4.0, 0.5),
        RunEnded("interrupted"),
        metric="mean_rank",
    )
    assert curve(read(tmp_path / "toy" / "subgraph-0"), "metric/mean_rank") == [(10, 8.0)]
    assert curve(read(tmp_path / "toy" / "full-0"), "metric/mean_rank") == [(10, 4.0)]


def test_a_curve_can_be_read_while_its_trial_runs(tmp_path: Path) -> None:
    told(tmp_path, TrialStarted("full", 0, {}), TrialProgress("full", 0, 10, 1.0, 0.5, 0.5))
    assert curve(read(tmp_path / "toy" / "full-0"), "metric/mrr") == [(10, 0.5)]


def test_a_failed_trial_says_why(tmp_path: Path) -> None:
    told(tmp_path, TrialStarted("full", 0, {}), TrialEnded("full", 0, None, "diverged: nan", 1.0, False))
    events = read(tmp_path / "toy" / "full-0")
    (said,) = events.Tensors("failed/text_summary")
    assert said.tensor_proto.string_val[0] == b"diverged: nan"


def hyper_parameters(events: Any) -> dict[str, Any]:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    values = HParamsPluginData.FromString(content).session_start_info.hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in values.items()}
