"""MLflow: a parent run for the tuning and a nested run for each trial."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgtuner.tracking.background import InBackground
from kgtuner.tracking.extras import require
from kgtuner.tuning.events import (
    Event,
    RunEnded,
    RunStarted,
    TrialEnded,
    TrialProgress,
    TrialStarted,
    metric_of,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

PARENT = "mlflow.parentRunId"
RUN = "kgtuner.run"
"""Tag of a parent run by which a resumed run finds it: a digest of the run folder's path."""

LONGEST = 5_000
"""Characters of a tag or a parameter; stores refuse more than 5,000 or 6,000."""

STATUS = {"failed": "FAILED", "interrupted": "KILLED"}


def mlflow_tracker(uri: str) -> InBackground:
    """An MLflow tracker that no slow server makes the run wait for.

    Raises:
        ConfigError: when MLflow is not installed.
    """
    return InBackground(MlflowTracker(uri))


class MlflowTracker:
    """Keeps parameters, metrics by step, and tags of each trial, and best.yaml of the run.

    Args:
        uri: of an MLflow server or store: http://…, sqlite:///mlflow.db, or a folder.
        experiment: its name; None takes MLFLOW_EXPERIMENT_NAME, as MLflow does, or "kgtuner".

    Raises:
        ConfigError: when MLflow is not installed.
    """

    name = "MLflow"

    def __init__(self, uri: str, experiment: str | None = None) -> None:
        require("mlflow", "mlflow", "tracking with MLflow")
        if (
            uri.startswith("file:") or "://" not in uri
        ):  # whoever names a folder wants one, though MLflow has better
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        logging.getLogger("mlflow.store.db.utils").setLevel(
            logging.WARNING
        )  # it tells of each table it makes
        self.uri = uri
        self.experiment = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "kgtuner"
        self._output = Path()
        self._metric = "mrr"
        self._parent = ""
        self._trials: dict[tuple[str, int], str] = {}  # those that run, by stage and number
        self._made: MlflowClient | None = None

    @property
    def _client(self) -> MlflowClient:
        if self._made is None:
            from mlflow import MlflowClient

            self._made = MlflowClient(tracking_uri=self.uri)
        return self._made

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        """Log one event.

        Raises:
            Exception: whatever MLflow raises when its store cannot be reached or written.
        """
        match event:
            case RunStarted():
                self._begin(event)
            case TrialStarted():
                trial = self._new_run(f"{event.stage} {event.number}", {PARENT: self._parent})
                self._trials[event.stage, event.number] = trial
                self._client.set_tag(trial, "stage", event.stage)
                self._log(trial, params=event.assignment)
            case TrialProgress() if (event.stage, event.number) in self._trials:
                curve = {self._metric: metric_of(event.metric, self._metric)}
                if event.loss is not None:
                    curve["loss"] = event.loss
                self._log(self._trials[event.stage, event.number], metrics=curve, step=event.step)
            case TrialEnded() if (event.stage, event.number) in self._trials:
                self._end_trial(event)
            case RunEnded():
                self._end(event)

    def _begin(self, event: RunStarted) -> None:
        self._output = event.output.absolute()
        self._metric = str(event.settings.get("metric", "mrr"))
        found = self._client.get_experiment_by_name(self.experiment)
        self._experiment_id = (
            found.experiment_id if found else self._client.create_experiment(self.experiment)
        )
        identity = uuid.uuid5(uuid.NAMESPACE_URL, self._output.resolve().as_uri()).hex
        earlier = self._runs(f"tags.`{RUN}` = '{identity}'") if event.resumed else []
        if not earlier:
            self._parent = self._new_run(self._output.name, {RUN: identity, "graph": event.graph})
            self._log(self._parent, params=event.settings)
            return
        self._parent = earlier[0]
        self._client.update_run(self._parent, status="RUNNING")
        for cut_off in self._runs(f"tags.`{PARENT}` = '{self._parent}' and attributes.status = 'RUNNING'"):
            self._client.set_tag(cut_off, "reason", "interrupted")
            self._client.set_terminated(cut_off, "KILLED")

    def _end_trial(self, event: TrialEnded) -> None:
        trial = self._trials.pop((event.stage, event.number))
        if event.value is None:
            self._client.set_tag(trial, "reason", (event.reason or "failed")[:LONGEST])
            self._client.set_terminated(trial, "FAILED")
            return
        self._log(trial, metrics={f"best_{self._metric}": metric_of(event.value, self._metric)})
        self._client.set_terminated(trial, "FINISHED")

    def _end(self, event: RunEnded) -> None:
        while self._trials:
            _, trial = self._trials.popitem()
            self._client.set_tag(trial, "reason", "interrupted")
            self._client.set_terminated(trial, "KILLED")
        try:
            for split, metrics in (("valid", event.valid), ("test", event.test)):
                self._log(self._parent, metrics={f"{split}_{name}": v for name, v in (metrics or {}).items()})
            self._client.set_tag(self._parent, "stopped_by", event.stopped_by)
            if (self._output / "best.yaml").exists():
                self._client.log_artifact(self._parent, str(self._output / "best.yaml"))
        finally:
            self._client.set_terminated(self._parent, STATUS.get(event.stopped_by, "FINISHED"))

    def _new_run(self, name: str, tags: Mapping[str, str]) -> str:
        short = {key: value[:LONGEST] for key, value in tags.items()}
        return str(self._client.create_run(self._experiment_id, tags=short, run_name=name).info.run_id)

    def _runs(self, condition: str) -> list[str]:
        """Runs of the experiment, the latest first."""
        found = self._client.search_runs(
            [self._experiment_id], condition, order_by=["attributes.start_time DESC"]
        )
        return [run.info.run_id for run in found]

    def _log(
        self,
        run: str,
        *,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        step: int = 0,
    ) -> None:
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        self._client.log_batch(
            run,
            params=[Param(key, str(value)[:LONGEST]) for key, value in (params or {}).items()],
            metrics=[Metric(key, float(value), now, step) for key, value in (metrics or {}).items()],
        )
