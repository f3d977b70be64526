"""Search until the budget is spent or somebody interrupts, pick the best, and evaluate it on test, once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import torch
from optuna.trial import FrozenTrial

from kgtuner import kernels
from kgtuner.errors import RunError, TrialFailed
from kgtuner.evaluation.evaluator import Evaluation, Sample
from kgtuner.evaluation.metrics import METRICS
from kgtuner.execution.executor import Executor
from kgtuner.execution.storage import RESULT, storage_errors
from kgtuner.experiment import compile_kernels, pick_device
from kgtuner.files import full_disk_told
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.tuning.algorithms import ALGORITHMS
from kgtuner.tuning.events import Observer, RunEnded, RunStarted
from kgtuner.tuning.fidelity import comparable
from kgtuner.tuning.final_ranking import ALWAYS_SECONDS, MODELS, Ranking, sample_size
from kgtuner.tuning.found import found_config
from kgtuner.tuning.kept_models import DEFAULT
from kgtuner.tuning.result import TuneResult, best_trial, stage_summaries, trial_table
from kgtuner.tuning.run_folder import FORMAT, RunFolder
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.settings import TuneSettings
from kgtuner.types import Clock


def carry_out(
    folder: RunFolder,
    settings: TuneSettings,
    graph: KnowledgeGraph,
    observer: Observer | Sequence[Observer],
    clock: Clock,
    notes: Sequence[str] = (),
    executor: Executor | None = None,
    began: float | None = None,
) -> TuneResult:
    """Search until the budget is spent, then evaluate on test, once.

    Args:
        began: what the clock showed when the budget began, before the graph was read; now unless given.
    """
    began = clock() if began is None else began
    if kernels.cold() and (executor is None or executor.here):  # once on a machine: no part of the budget
        since = clock()
        compile_kernels(torch.device(pick_device(settings.device)))
        took = clock() - since
        began += took
        notes = [
            *notes,
            f"Kernels were compiled for this machine, which took {took:.0f} s and is no part of the budget.",
        ]
    with storage_errors(_place(folder)), full_disk_told(folder.path):
        return _searched(TuningRun(folder, settings, observer, clock, executor, began), graph, notes)


def _place(folder: RunFolder) -> str:
    return str(folder.study) if folder.storage is None else folder.storage[0]


def _searched(run: TuningRun, graph: KnowledgeGraph, notes: Sequence[str]) -> TuneResult:
    stopped_by = "budget" if run.settings.budget.trials is None else "trials"
    ended = RunEnded("failed")
    with _interrupted_once() as ignore_more:
        try:
            run.notify(RunStarted(run.folder.path, graph.name, run.settings.to_mapping(), run.resumed))
            for message in notes:
                run.note(message)
            run.store.hold()
            ALGORITHMS[run.settings.algorithm](run, graph)
            result = _conclude(run, graph, stopped_by, evaluate_test=True)
            ended = _end_of(result)
        except KeyboardInterrupt:
            ended = RunEnded("interrupted")
            ignore_more()
            run.stop()
            run.end_stage()
            result = _conclude(run, graph, "interrupted", evaluate_test=False)
            ended = _end_of(result)
            run.note("Interrupted; what was found so far is kept.")
        finally:
            run.close(kill=True)
            with suppress(RunError):  # of a log that cannot be written, which has ended the run already
                run.notify(ended)
    return result


def _end_of(result: TuneResult) -> RunEnded:
    def by_name(metrics: Mapping[str, Any]) -> dict[str, float]:
        return {name: metrics[name] for name in METRICS if name in metrics}

    test = None if result.test is None else by_name(result.test.overall.to_mapping())
    return RunEnded(result.stopped_by, result.best_config.flat(), by_name(result.best_metrics), test)


def _conclude(run: TuningRun, graph: KnowledgeGraph, stopped_by: str, *, evaluate_test: bool) -> TuneResult:
    """Pick the best trial, write it down, and evaluate it and the default configuration on test."""
    full = run.store.trials("full")
    best = best_trial(full)
    default = best_trial([trial for trial in full if trial.user_attrs.get(DEFAULT)])
    chosen = best or best_trial(comparable(run.store.trials("subgraph")))
    if chosen is None and stopped_by == "interrupted":
        raise KeyboardInterrupt  # nothing to report yet; the folder can be resumed
    if chosen is None:
        raise RunError(
            f"no trial has finished in {run.folder.path}; see {run.folder.log}, or give a larger budget"
        )
    run.publish_best(chosen)  # first: whatever happens on test, what was found can be used
    test = default_test = test_failed = None
    if evaluate_test and best is not None:
        test, default_test, test_failed = _ranked_on_test(run, graph, best, default)
    table = trial_table(run.store, run.settings.subgraph_ratio)
    run.folder.write_text("trials.csv", table.to_csv(index=False))
    result = TuneResult(
        output=run.folder.path,
        best_config=found_config(chosen),
        best_metrics=chosen.user_attrs[RESULT]["valid"],
        test=None if test is None else Evaluation.from_mapping(test),
        default_test=None if default_test is None else Evaluation.from_mapping(default_test),
        default_metrics=None if default is None else default.user_attrs[RESULT]["valid"],
        trials=table,
        stages=stage_summaries(run.store, run.stage_seconds),
        seconds=run.elapsed,
        stopped_by=stopped_by,
        metric=run.settings.metric,
        peak_rss_mb=run.peak_rss_mb,
        test_failed=test_failed,
    )
    run.folder.write("results.json", {"format": FORMAT, **result.summary()})
    run.save_state(force=True)
    return result


def _ranked_on_test(
    run: TuningRun, graph: KnowledgeGraph, best: FrozenTrial, default: FrozenTrial | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None, str | None]:
    """The metrics of the best and of the default on test, or on one sample of it for both where time is short.

    Returns:
        Both, and why there are none of the best.
    """
    same = default is not None and default.number == best.number
    models = 1 if default is None or same else MODELS
    size = None
    if run.remaining is not None:
        each = [t for t in (best, default) if t is not None]
        rankings = [Ranking.judged_by(t.user_attrs[RESULT], len(graph.test)) for t in each]
        size = sample_size(max(rankings, key=Ranking.seconds), run.remaining, models)
    began = run.elapsed
    test, failed = _tested(run, best, "The best", size)
    took = run.elapsed - began
    if test is None:
        return None, None, failed  # nor would the default be ranked
    if "sample" in test:
        run.note(
            f"All test triples do not fit into the budget: {Sample(**test['sample'])}. "
            f"All of them: kgtuner evaluate {run.folder.path} --split test"
        )
    if default is None or same:
        return test, test if same else None, None
    if run.remaining is not None and took > max(ALWAYS_SECONDS, run.remaining):
        run.note(f"The default is not evaluated on test, which takes {took:.0f} s: the budget is spent.")
        return test, None, None
    return test, _tested(run, default, "The default", size)[0], None


def _tested(
    run: TuningRun, trial: FrozenTrial, what: str, size: int | None
) -> tuple[dict[str, Any] | None, str | None]:
    """The metrics of a trial on test, or why there are none: a run ends with what it has found all the same."""
    try:
        return run.evaluate(trial, "test", size), None
    except TrialFailed as error:
        why = f"{error.reason}: {error}"
        run.note(f"{what} could not be ranked on test ({why}); resume the run to try it again.")
        return None, why


@contextmanager
def _interrupted_once() -> Iterator[Callable[[], None]]:
    """Let the first SIGINT or SIGTERM end a run, and ignore those after it while the run concludes.

    A handler that the program has set for one of the two stays as it is, and so does everything outside of
    the main thread, where signals do not arrive.

    Yields:
        What makes later signals ignored if an interruption came in another way.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    standard = (signal.SIG_DFL, signal.default_int_handler)
    ours = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) in standard]

    def ignore_more() -> None:
        for each in ours:
            signal.signal(each, signal.SIG_IGN)

    def interrupt(number: int, frame: FrameType | None) -> None:
        ignore_more()
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in ours}
    try:
        yield ignore_more
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
