"""The result of a finished run, read back."""

from __future__ import annotations

from kgtuner.config import TrialConfig
from kgtuner.errors import RunError
from kgtuner.evaluation.evaluator import Evaluation
from kgtuner.tuning.result import TuneResult, trial_table
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.tuning.settings import TuneSettings


def load_tuned(folder: RunFolder) -> TuneResult:
    """The result of a tuning run that ended, or was interrupted after something was found."""
    run = folder.read("run.json")
    results = folder.read("results.json")
    settings = TuneSettings.from_mapping(run.get("settings", {}))
    store = folder.open_store()
    try:
        trials = trial_table(store, settings.subgraph_ratio)
    finally:
        store.close()
    try:
        return TuneResult(
            output=folder.path,
            best_config=TrialConfig.from_mapping(results["best_config"]),
            best_metrics=results["valid"],
            test=_evaluation(results["test"]),
            default_test=_evaluation(results["default_test"]),
            default_metrics=results["default_valid"],
            trials=trials,
            stages=results["stages"],
            seconds=results["seconds"],
            stopped_by=results["stopped_by"],
            metric=settings.metric,
            peak_rss_mb=results["peak_rss_mb"],
            test_failed=results.get("test_failed"),  # which older runs have not
        )
    except (KeyError, TypeError) as error:
        raise RunError(
            f"{folder.path / 'results.json'} is damaged ({error}); restore it or start a new run"
        ) from None


def _evaluation(value: dict[str, object] | None) -> Evaluation | None:
    return None if value is None else Evaluation.from_mapping(value)
