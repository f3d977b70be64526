"""What a tuning run found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.trial import FrozenTrial

from kgtuner.config import TrialConfig
from kgtuner.errors import ConfigError
from kgtuner.evaluation.evaluator import Evaluation
from kgtuner.execution.storage import REASON, RESULT, TrialStore, value_of
from kgtuner.registry import unknown
from kgtuner.tuning.fidelity import fidelity_of
from kgtuner.tuning.kept_models import AGAIN, DEFAULT
from kgtuner.types import INTERRUPTED

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from kgtuner.prediction import LinkPredictor
    from kgtuner.tuning.run_folder import RunFolder

STAGES = ("subgraph", "full")


@dataclass(frozen=True)
class TuneResult:
    """The answer of a run and the evidence for it.

    Attributes:
        output: the run folder.
        best_config: the configuration with the best full-graph validation; best of stage one when an
            interruption left nothing better. As in best.yaml, without the limits of its trial.
        best_metrics: its metrics on validation (on the subgraph's validation in that last case).
        test: its metrics on test; None when the run was interrupted.
        default_test: what the default configuration reached on test in its own trial of the same run.
        default_metrics: the same on validation.
        trials: one row a trial: stage, fidelity (the graph: "walk 20%", "core 40%", "full"; values compare within
            one), number, state, value, reason, seconds, steps, elapsed (budget used at its end), again (the trial
            that it goes on from), and a column for each hyper-parameter by dotted name.
        stages: seconds, trials and failures of each stage.
        seconds: budget used.
        stopped_by: "budget", "trials" or "interrupted".
        peak_rss_mb: largest memory of the worker.
        test_failed: why the best could not be ranked on test; resuming the run tries it again.
    """

    output: Path
    best_config: TrialConfig
    best_metrics: dict[str, Any]
    test: Evaluation | None
    default_test: Evaluation | None
    default_metrics: dict[str, Any] | None
    trials: pd.DataFrame = field(repr=False)
    stages: list[dict[str, Any]]
    seconds: float
    stopped_by: str
    metric: str
    peak_rss_mb: float
    test_failed: str | None = None

    def load_model(self) -> LinkPredictor:
        """The best model, ready to predict.

        Raises:
            RunError: when the run has no full-graph model yet.
        """
        from kgtuner.tuning.loading import load_predictor

        return load_predictor(self.output)

    def plot_history(self) -> go.Figure:
        """The best value over the budget's clock, both stages. All plots are plotly figures."""
        from kgtuner.plots.history import history_figure

        return history_figure(self.trials, self.metric)

    def plot_importance(self, stage: str | None = None) -> go.Figure:
        """How much each hyper-parameter mattered; of the stage with most trials unless one is named."""
        from kgtuner.plots.importance import importance_figure, importances
        from kgtuner.plots.style import measured, of_equal_time

        stage = self._stage(stage)
        n_trials = len(of_equal_time(measured(self.trials, stage)))
        return importance_figure(importances(self.trials, stage), n_trials)

    def plot_effect(self, name: str, stage: str | None = None) -> go.Figure:
        """The effect of one hyper-parameter, e.g. "optimizer.learning_rate".

        Raises:
            ConfigError: for a name that no trial has.
        """
        from kgtuner.plots.effects import effect_figure

        names = [str(column) for column in self.trials.columns if "." in str(column)]
        if name not in names:
            raise ConfigError(unknown("hyper-parameter", name, names))
        return effect_figure(self.trials, name, self.metric, self._stage(stage))

    def plot_effects(self, stage: str | None = None) -> dict[str, go.Figure]:
        """`plot_effect` for every hyper-parameter that varied, by name."""
        from kgtuner.plots.style import measured, varied

        stage = self._stage(stage)
        return {name: self.plot_effect(name, stage) for name in varied(measured(self.trials, stage))}

    def plot_parallel(self, stage: str | None = None) -> go.Figure:
        """All configurations of a stage as lines over an axis for each hyper-parameter."""
        from kgtuner.plots.parallel import parallel_figure

        return parallel_figure(self.trials, self.metric, self._stage(stage))

    def plot_transfer(self) -> go.Figure:
        """Configurations trained on both graphs: what the subgraph said against what the full graph said.

        Raises:
            RunError: when the run folder is gone; so do the other plots that need more than the table of trials.
        """
        from kgtuner.plots.transfer import transfer_figure
        from kgtuner.tuning.evidence import pairs_of, stored_trials
        from kgtuner.tuning.settings import TuneSettings

        folder = self._folder()
        settings = TuneSettings.from_mapping(folder.read("run.json")["settings"])
        return transfer_figure(pairs_of(stored_trials(folder), settings.subgraph_ratio), self.metric)

    def plot_curves(self, stage: str | None = None) -> go.Figure:
        """Validation over the seconds of a training, the best of a stage in colour."""
        from kgtuner.plots.curves import curves_figure
        from kgtuner.tuning.evidence import curves_of, stored_trials

        stage = self._stage(stage)
        return curves_figure(curves_of(stored_trials(self._folder())[stage]), self.metric)

    def plot_relations(self) -> go.Figure:
        """Test MRR of the most frequent relations."""
        from kgtuner.graph.knowledge_graph import KnowledgeGraph
        from kgtuner.plots.relations import relations_figure
        from kgtuner.tuning.evidence import relations_of

        graph = KnowledgeGraph.load(self._folder().graph, verify=False)
        table = relations_of(graph, None if self.test is None else self.test.to_mapping())
        shown = ["".join(c if c.isprintable() else "?" for c in name) for name in table["name"]]
        return relations_figure(table.assign(name=shown))

    def plot_spending(self) -> go.Figure:
        """What the time of each stage was for."""
        from kgtuner.plots.spending import spending_figure
        from kgtuner.tuning.evidence import spent_of, stored_trials

        seconds = {stage["stage"]: float(stage["seconds"]) for stage in self.stages}
        return spending_figure(spent_of(stored_trials(self._folder()), seconds, self.seconds))

    def _folder(self) -> RunFolder:
        from kgtuner.tuning.run_folder import RunFolder

        return RunFolder(self.output)

    def _stage(self, stage: str | None) -> str:
        if stage is not None and stage not in STAGES:
            raise ConfigError(unknown("stage", stage, STAGES))
        return stage or max(STAGES, key=lambda name: int((self.trials["stage"] == name).sum()))

    def _repr_html_(self) -> str:
        from kgtuner.tuning.notebook import tuned_html

        return tuned_html(self)

    def to_mapping(self) -> dict[str, Any]:
        """Plain values for JSON: trials as a list of records."""
        records = self.trials.astype(object).where(self.trials.notna(), None).to_dict("records")
        return {**self.summary(), "trials": records}

    def summary(self) -> dict[str, Any]:
        """As `to_mapping`, without the trials."""
        return {
            "output": str(self.output),
            "metric": self.metric,
            "best_config": self.best_config.to_mapping(),
            "valid": self.best_metrics,
            "test": None if self.test is None else self.test.to_mapping(),
            "default_valid": self.default_metrics,
            "default_test": None if self.default_test is None else self.default_test.to_mapping(),
            "stages": self.stages,
            "seconds": self.seconds,
            "stopped_by": self.stopped_by,
            "peak_rss_mb": self.peak_rss_mb,
            "test_failed": self.test_failed,
        }


def trial_table(store: TrialStore, subgraph_ratio: float) -> pd.DataFrame:
    """All trials of a run, stage by stage.

    Args:
        subgraph_ratio: of its settings.
    """
    import pandas as pd

    rows = [
        {"stage": stage, "fidelity": fidelity_of(stage, trial, subgraph_ratio), **_row(trial)}
        for stage in STAGES
        for trial in store.trials(stage)
    ]
    columns = ["stage", "fidelity", "number", "state", "value", "reason", "seconds", "steps"]
    return pd.DataFrame(rows, columns=None if rows else columns)


def _row(trial: FrozenTrial) -> dict[str, Any]:
    result = trial.user_attrs.get(RESULT, {})
    value = value_of(trial)
    cut = result.get("stopped_by") == "max_seconds"
    config = TrialConfig.from_mapping(result["config"]).flat() if result else {}
    used = {name: config.get(name, chosen) for name, chosen in trial.params.items()}
    if not trial.params:  # outside the search: the default configuration, or the best one again
        used = {
            name: v
            for name, v in config.items()
            if not name.startswith("training.") or name == "training.mode"
        }
    return {
        "number": trial.number,
        "state": _state(trial, value, cut=cut),
        "default": bool(trial.user_attrs.get(DEFAULT, False)),
        "value": value,
        "reason": trial.user_attrs.get(REASON),
        "seconds": result.get("seconds"),
        "steps": result.get("steps"),
        "elapsed": result.get("elapsed"),
        "again": trial.user_attrs.get(AGAIN),
        **used,
    }


def _state(trial: FrozenTrial, value: float | None, *, cut: bool) -> str:
    if value is not None:
        return "stopped" if cut else "complete"
    cut_off = trial.user_attrs.get(INTERRUPTED) or not trial.state.is_finished()
    return "interrupted" if cut_off else "failed"


def best_trial(trials: list[FrozenTrial]) -> FrozenTrial | None:
    """The trial with the largest value, None when none has one."""
    finished = [trial for trial in trials if value_of(trial) is not None]
    return max(finished, key=lambda trial: value_of(trial) or 0.0, default=None)


def stage_summaries(store: TrialStore, seconds: dict[str, float]) -> list[dict[str, Any]]:
    """Time, trials and failures of each stage that began; a trial that was cut off from outside is neither."""
    summaries = []
    for stage in STAGES:
        trials = store.trials(stage)
        if trials or stage in seconds:
            done = [t for t in trials if t.state.is_finished() and not t.user_attrs.get(INTERRUPTED)]
            failed = sum(value_of(trial) is None for trial in done)
            summaries.append(
                {"stage": stage, "seconds": seconds.get(stage, 0.0), "trials": len(done), "failed": failed}
            )
    return summaries
