"""The report of a run as one HTML file, its figures for papers, and several runs side by side."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgtuner.errors import ConfigError, KGTunerError
from kgtuner.files import replacing
from kgtuner.tuning.budget import format_seconds
from kgtuner.tuning.result import TuneResult
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.tuning.trained import TrainResult

if TYPE_CHECKING:
    from kgtuner.report.html.comparing import Comparison
    from kgtuner.report.html.reading import RunReport

REPORT = "report.html"
LIVE_SECONDS = 10.0

log = logging.getLogger(__name__)


def write_report(
    run: str | Path | TuneResult | TrainResult,
    output: str | Path | None = None,
    *,
    figures: str | Path | None = None,
    examples: bool = True,
) -> Path:
    """Write the report of a tuning run, in whatever state the run is, or of a training that has ended.

    Args:
        run: the run folder or a result.
        output: where to write it; by default report.html in the run folder.
        figures: a folder for the same plots of a tuning as PNG and SVG; needs matplotlib (the extra `figures`).
        examples: False leaves out what the model answers to test triples, or of a training to validation triples;
            it spares a tuning's report loading the model.

    Returns:
        The HTML file. It needs no other file and no network.

    Raises:
        RunError: when the folder is no run, is damaged, or the file cannot be written.
        ConfigError: when figures are asked for and matplotlib is missing, or of a single training.
    """
    from kgtuner.report.html.reading import read_run

    if RunFolder(_folder(run)).read("run.json").get("kind") == "train":
        if figures is not None:
            raise ConfigError(
                "figures are drawn of a tuning; a single training has its curve in report.html only"
            )
        return _write_training(_folder(run), output, examples=examples)
    if figures is not None:
        _require_matplotlib()
    shown = read_run(_folder(run), with_examples=examples)
    target = _write(shown, output)
    if figures is not None:
        save_report_figures(shown, Path(figures))
    return target


def report_live(
    run: str | Path,
    output: str | Path | None = None,
    *,
    every: float = LIVE_SECONDS,
    on_write: Callable[[Path], None] = lambda path: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Write the report again and again until the run ends; the page loads itself anew as often.

    Args:
        run, output: as for `write_report`.
        every: seconds between two versions.
        on_write: told after each version.
        sleep: waits so many seconds.
    """
    from kgtuner.report.html.reading import read_run

    try:
        while (shown := read_run(run, with_examples=False)).state == "running":
            on_write(_write(shown, output, reload_seconds=every))
            sleep(every)
    except KeyboardInterrupt:
        pass  # the last version is written below, without loading itself
    return write_report(run, output)


def compare(runs: Sequence[str | Path | TuneResult], output: str | Path | None = None) -> Comparison:
    """Put runs side by side: metrics, budgets, and where their best configurations differ.

    Args:
        runs: at least two run folders or results.
        output: an HTML file to write.

    Raises:
        ConfigError: for fewer than two runs.
        RunError: when a folder is no tuning run.
    """
    from kgtuner.report.html.comparing import compare_runs, comparison_sections
    from kgtuner.report.html.page import render
    from kgtuner.report.html.reading import read_run

    if isinstance(runs, str | Path | TuneResult) or len(runs) < 2:
        raise ConfigError("compare needs at least two runs: give a list of run folders")
    found = compare_runs([read_run(_folder(run), with_examples=False) for run in runs])
    if output is not None:
        page = render("Runs side by side", comparison_sections(found), subtitle=", ".join(found.names))
        with replacing(Path(output)) as partial:
            partial.write_text(page, encoding="utf-8")
    return found


def report_at_end(run: Path) -> None:
    """Write the report of a run that has just ended; a failure is a warning, for the run itself is whole."""
    again = f"write it by: kgtuner report {run}"
    try:
        write_report(run)
    except KeyboardInterrupt:
        log.warning("the report was interrupted; %s", again)
    except Exception as error:  # whatever a plot stumbles over is no reason to lose a result
        reason = str(error) if isinstance(error, KGTunerError) else f"{type(error).__name__}: {error}"
        log.warning("the report could not be written (%s); %s", reason, again)


def save_report_figures(shown: RunReport, folder: Path) -> list[Path]:
    """The report's plots as PNG and SVG."""
    from kgtuner.plots.printed import save_figures
    from kgtuner.report.text import printable

    relations = shown.relations.assign(name=[printable(name) for name in shown.relations["name"]])
    return save_figures(
        folder,
        trials=shown.trials,
        metric=shown.metric,
        pairs=shown.pairs,
        importance_tables=shown.importances,
        learning=shown.curves,
        relation_table=relations,
        spent=shown.spent,
    )


def _write(shown: RunReport, output: str | Path | None, reload_seconds: float | None = None) -> Path:
    from kgtuner.report.html.page import render
    from kgtuner.report.html.sections import STATES, sections_of

    target = Path(output) if output is not None else shown.folder / REPORT
    models = ", ".join(shown.settings.models)
    page = render(
        f"{shown.graph['name']}: {models} tuned",
        sections_of(shown),
        subtitle=f"{STATES[shown.state]} · budget {shown.settings.budget}, {format_seconds(shown.seconds)} used · "
        f"{shown.graph['entities']:,} entities, {shown.graph['relations']:,} relations, "
        f"{shown.graph['train']:,} training triples · {shown.started[:10]}",
        reload_seconds=reload_seconds,
    )
    with replacing(target) as partial:
        partial.write_text(page, encoding="utf-8")
    return target


def _write_training(folder: Path, output: str | Path | None, *, examples: bool) -> Path:
    from kgtuner.report.html.page import render
    from kgtuner.report.html.training import read_training, training_sections

    shown = read_training(folder, with_examples=examples)
    target = Path(output) if output is not None else shown.folder / REPORT
    page = render(shown.title, training_sections(shown), subtitle=shown.subtitle)
    with replacing(target) as partial:
        partial.write_text(page, encoding="utf-8")
    return target


def _folder(run: str | Path | TuneResult | TrainResult) -> Path:
    if isinstance(run, TrainResult):
        if run.output is None:
            raise ConfigError("the training was kept in memory only; give train an output to have a report")
        return run.output
    return run.output if isinstance(run, TuneResult) else Path(run)


def _require_matplotlib() -> None:
    from kgtuner.plots.printed import require_matplotlib

    require_matplotlib()
