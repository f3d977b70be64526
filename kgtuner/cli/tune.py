"""`kgtuner tune`: search for a good configuration within a budget."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command, folder_name, given, graph_name, share, whole
from kgtuner.cli.executors import add_executor, executor_of
from kgtuner.cli.outcome import INTERRUPTED, Outcome, hint_when_interrupted
from kgtuner.errors import ConfigError, RunError, TrialFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from kgtuner.tuning.events import Observer
    from kgtuner.tuning.result import TuneResult

DEFAULT_MODEL = "complex"
SETTINGS = (
    "model", "budget", "trials", "seed", "output", "metric", "space", "algorithm", "two_stages", "stage_one_share",
    "subgraph_ratio", "max_steps", "device", "threads", "storage",
)  # fmt: skip

EPILOG = """\
The first stage tries configurations on a sampled part of the graph, the second takes the best of them to the
whole graph. The default configuration is tried as well, and kept if nothing validates better in as much time.
Ctrl-C ends the search and prints the best so far; `kgtuner tune --resume RUN` goes on, with what is left of
the budget.
"""


def add(commands: Any) -> None:
    parser = command(commands, "tune", run, "search for good hyper-parameters within a budget", epilog=EPILOG)
    parser.add_argument(
        "graph",
        nargs="?",
        help="a data set (see `kgtuner datasets`), a folder with train, valid and test, or a file",
    )
    parser.add_argument(
        "--resume",
        metavar="RUN",
        help="go on with an interrupted run; takes no other settings, but may have other workers",
    )
    parser.add_argument(
        "--model",
        metavar="NAMES",
        help="transe, distmult, complex (default), rotate, conve, rescal, tucker, autosf; several by commas",
    )
    parser.add_argument(
        "--budget", help="wall-clock time such as 90s, 30m, 2h, or 3x for three full trainings"
    )
    parser.add_argument(
        "--trials", type=whole(2), metavar="N", help="trainings over both stages, instead of a budget"
    )
    parser.add_argument(
        "--metric",
        help="what to tune for: mrr (default), hits_at_1, hits_at_3, hits_at_10, mean_rank, "
        "adjusted_mean_rank_index",
    )
    parser.add_argument(
        "--space",
        help="broad (default of kgtuner), reduced, full, whole, or a YAML file that narrows one of them",
    )
    parser.add_argument(
        "--algorithm",
        metavar="NAME",
        help="kgtuner (default), a sampler such as random, tpe, gp or rf_ei, or toss, grash, autone, racing",
    )
    parser.add_argument("--seed", type=whole(0), metavar="N", help="decides all that is random (default 0)")
    parser.add_argument("--output", metavar="FOLDER", help="the run folder (default runs/<graph>-<model>)")
    parser.add_argument(
        "--stage-one-share",
        type=share,
        metavar="SHARE",
        help="share of the budget for the first stage (default 0.5)",
    )
    parser.add_argument(
        "--subgraph-ratio",
        type=share,
        metavar="SHARE",
        help="share of the entities in the first stage's subgraph (default 0.2)",
    )
    parser.add_argument(
        "--one-stage",
        dest="two_stages",
        action="store_const",
        const=False,
        help="search on the full graph only",
    )
    parser.add_argument(
        "--max-steps",
        type=whole(1),
        metavar="N",
        help="upper limit of the optimiser steps of any trial (default 20000, on the full graph 100000)",
    )
    parser.add_argument("--device", help="auto (default), cpu, cuda or cuda:1")
    parser.add_argument("--threads", type=whole(1), metavar="N", help="CPU threads of a training (default 1)")
    add_executor(parser)
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="a PostgreSQL database that keeps the trials, without a password (PGPASSWORD or ~/.pgpass has it); "
        "default: a file in the run folder",
    )
    parser.add_argument(
        "--track",
        action="append",
        default=[],
        metavar="NAME:PLACE",
        help="show the run elsewhere too: tensorboard:DIR or mlflow:URI; may be given several times, "
        "and again with --resume",
    )


def run(args: argparse.Namespace) -> Outcome:
    """Tune or resume, with a display on standard error."""
    settings = given(args, SETTINGS)
    if args.resume is not None:
        return _resume(args, settings)
    if args.graph is None:
        raise ConfigError("a graph to tune on is missing: a data set, a folder or a file; or --resume RUN")
    first_stage = [name for name in ("stage_one_share", "subgraph_ratio") if name in settings]
    if "two_stages" in settings and first_stage:
        raise ConfigError(f"--one-stage has no first stage: leave out {_options(first_stage)}")
    models = settings.get("model", DEFAULT_MODEL).split(",")
    settings.setdefault("output", os.path.join("runs", folder_name(graph_name(args.graph), *models)))
    from kgtuner.tuning.budget import Budget

    if "budget" in settings:  # a mistake in it comes before what is in the folder
        Budget.of(settings["budget"], settings.get("trials"))
    _refuse_used(settings["output"])

    from kgtuner.api.tuning import tune
    from kgtuner.report.display import watching
    from kgtuner.tracking import tracker

    trackers = [tracker(spec) for spec in args.track]
    executor = executor_of(args)
    with (
        hint_when_interrupted(settings["output"], _how_to_resume(settings["output"])),
        watching(sys.stderr, settings.get("metric", "mrr")) as observer,
    ):
        result = tune(args.graph, **settings, executor=executor, observer=_all(observer, trackers))
    return _outcome(result, args.graph)


def _resume(args: argparse.Namespace, settings: dict[str, Any]) -> Outcome:
    if args.graph is not None or settings:
        extra = ["the graph"] * (args.graph is not None) + [_options(settings)] * bool(settings)
        raise ConfigError(f"--resume takes all settings from the run folder: leave out {', '.join(extra)}")

    from kgtuner.api.tuning import resume
    from kgtuner.report.display import watching
    from kgtuner.tracking import tracker
    from kgtuner.tuning.run_folder import RunFolder

    trackers = [tracker(spec) for spec in args.track]
    executor = executor_of(args)
    asked_for = RunFolder(args.resume).read("run.json").get("settings")
    metric = asked_for.get("metric", "mrr") if isinstance(asked_for, dict) else "mrr"
    with (
        hint_when_interrupted(args.resume, _how_to_resume(args.resume)),
        watching(sys.stderr, metric) as observer,
    ):
        result = resume(args.resume, executor=executor, observer=_all(observer, trackers))
    return _outcome(result, None)


def _outcome(result: TuneResult, graph: str | None) -> Outcome:
    from kgtuner.report.tables import places, show_tuning

    def show(console: Console) -> None:
        show_tuning(result, console, graph=graph)

    files = {what.replace(" ", "_"): path for what, path in places(result.output).items()}
    mapping = {**result.to_mapping(), "files": files}
    if result.stopped_by == "interrupted":
        return Outcome(mapping, show, INTERRUPTED)
    return Outcome(mapping, show, 0 if result.test_failed is None else TrialFailed.exit_code)


def _all(display: Observer, trackers: list[Observer]) -> Observer | list[Observer]:
    return [display, *trackers] if trackers else display


def _options(settings: Iterable[str]) -> str:
    """Settings as the options that give them."""
    return ", ".join(
        "--one-stage" if name == "two_stages" else f"--{name.replace('_', '-')}" for name in settings
    )


def _refuse_used(output: str) -> None:
    """Say early, before a large graph is read, that there is something at `output`."""
    from kgtuner.tuning.run_folder import RunFolder

    folder = RunFolder(output)
    if folder.exists:
        raise RunError(f"{output} holds a run already; {_how_to_resume(output)}, or choose another --output")
    if not folder.free:
        raise RunError(f"{output} exists and is not a run of KGTuner; choose another --output")


def _how_to_resume(output: str) -> str:
    return f"go on with it by: kgtuner tune --resume {shlex.quote(output)}"
