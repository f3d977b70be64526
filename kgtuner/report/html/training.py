"""The page of a single training: what a tuning's report says, without the search."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgtuner.config import TrialConfig
from kgtuner.errors import KGTunerError, RunError
from kgtuner.evaluation.evaluator import evaluate_split, final_rows
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.plots.curves import training_figure
from kgtuner.report.html.blocks import Block, cards, code, column, facts, figure, section, table, text
from kgtuner.report.html.examples import RelationExamples, relation_examples
from kgtuner.report.html.relations import relation_section
from kgtuner.report.text import metric_title, metric_value, printable
from kgtuner.tuning.budget import format_seconds
from kgtuner.tuning.evidence import relations_of
from kgtuner.tuning.loading import load_predictor
from kgtuner.tuning.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10", "mean_rank")


@dataclass(frozen=True)
class TrainingReport:
    """What the page of a training shows.

    Attributes:
        folder: of the training; record: its run.json; result: its results.json.
        graph: name and sizes.
        config: what was trained.
        valid: an evaluation of the valid split, or of a sample where all take minutes, as a mapping.
        relations: as in `RunReport`, of the valid split.
        examples: answers to validation triples.
        notes: what could not be shown, and why.
    """

    folder: Path
    record: Mapping[str, Any]
    result: Mapping[str, Any]
    graph: Mapping[str, Any]
    config: TrialConfig
    valid: Mapping[str, Any]
    relations: pd.DataFrame
    examples: list[RelationExamples]
    written: str
    notes: list[str]

    @property
    def title(self) -> str:
        return f"{self.graph['name']}: {self.config.model.name} trained"

    @property
    def subtitle(self) -> str:
        sizes = ", ".join(f"{self.graph[part]:,} {part}" for part in ("entities", "relations"))
        return (
            f"{format_seconds(self.result['seconds'])} of training, stopped by {self.result['stopped_by']} · "
            f"{sizes}, {self.graph['train']:,} training triples · {str(self.record.get('started', ''))[:10]}"
        )


def read_training(path: str | Path, *, with_examples: bool = True) -> TrainingReport:
    """Read a training that has ended, and rank its validation triples for the metrics of each relation.

    The test triples are left alone: `kgtuner evaluate` ranks them, once somebody has decided for this model.

    Raises:
        RunError: when it has not ended, or is damaged.
    """
    folder = RunFolder(path)
    record = folder.read("run.json")
    if not (folder.path / "results.json").exists():
        raise RunError(
            f"the training in {path} has not ended; give its kgtuner train command again to go on with it"
        )
    result = folder.read("results.json")
    predictor = load_predictor(folder.path)
    graph: KnowledgeGraph = predictor.graph
    try:
        config = TrialConfig.from_mapping(result["config"])
        size = len(final_rows(graph, int(config.model.options.get("dimension", 100)), int(result["seed"])))
        valid = evaluate_split(
            predictor.model, graph, "valid", size=size, seed=int(result["seed"])
        ).to_mapping()
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{folder.path / 'results.json'} is damaged ({error!r}); restore it or train anew"
        ) from None
    relations, examples, notes = relations_of(graph, valid), [], []
    if with_examples:
        try:
            examples = relation_examples(predictor, relations, "valid")
        except KGTunerError as error:
            notes.append(f"There are no examples of predictions: {error}")
    sizes = {split: len(graph.split(split)) for split in ("train", "valid", "test")}
    return TrainingReport(
        folder=folder.path,
        record=record,
        result=result,
        graph={"name": graph.name, "entities": graph.n_entities, "relations": graph.n_relations, **sizes},
        config=config,
        valid=valid,
        relations=relations,
        examples=examples,
        written=time.strftime("%Y-%m-%d %H:%M:%S %Z"),
        notes=notes,
    )


def training_sections(report: TrainingReport) -> list[Block]:
    """Metrics, the learning curve, relations, and how to train it again."""
    return [_answer(report), _learning(report), _relations(report), _reproduce(report)]


def _answer(report: TrainingReport) -> Block:
    result = report.result
    rows = [[metric_title(name), metric_value(name, result["valid"].get(name))] for name in SHOWN]
    place = shlex.quote(printable(report.folder))
    return section(
        "answer",
        "Answer",
        cards(
            *((f"{metric_title(n)} on validation", metric_value(n, result["valid"].get(n)), "") for n in SHOWN[:4]),
            ("time", format_seconds(result["seconds"]), f"stopped by {result['stopped_by']}"),
            ("steps", f"{result['steps']:,}", f"{result['triples_per_second']:,.0f} triples a second"),
        ),
        table(
            [column("validation", kind="text"), column("best parameters", kind="text")],
            rows,
            label="metrics on validation",
        ),
        code(report.config.to_yaml(), "Configuration (best.yaml)"),
        text(f"The test triples have not been ranked: kgtuner evaluate {place} --split test does it.", quiet=True),
        *(text(note, quiet=True) for note in report.notes),
        lead="What one training reached, with the parameters that validated best.",
    )  # fmt: skip


def _learning(report: TrainingReport) -> Block:
    return section(
        "learning",
        "Learning curve",
        figure(training_figure(report.result)),
        lead=f"{metric_title(str(report.result['metric']))} on validation while training.",
    )


def _relations(report: TrainingReport) -> Block:
    memory = f"{report.record.get('fingerprint', '')}:{report.record.get('started', '')}"
    return relation_section(report.valid, report.relations, report.examples, memory, "validation")


def _reproduce(report: TrainingReport) -> Block:
    from kgtuner.graph.catalog import DATASETS

    record, name = report.record, report.graph["name"]
    graph = name if name in DATASETS else "GRAPH"
    parts = [
        "kgtuner",
        "train",
        graph,
        "--config",
        str(report.folder / "best.yaml"),
        "--seed",
        str(report.result["seed"]),
    ]
    if record.get("metric", "mrr") != "mrr":
        parts += ["--metric", str(record["metric"])]
    kept = {
        "graph": f"{name}, fingerprint {str(record.get('fingerprint', ''))[:16]}…",
        "seed": report.result["seed"],
        "started": record.get("started", ""),
        "folder": report.folder.resolve(),
        "report written": report.written,
        "peak memory": f"{report.result['peak_rss_mb']:,.0f} MB",
        **{str(k).replace("_", " "): v for k, v in record.get("environment", {}).items()},
    }
    command = " ".join(shlex.quote(printable(part)) for part in parts)
    limits = "GRAPH is what was given as the graph: the folder keeps its triples, not the path."
    return section(
        "reproduce",
        "Reproduce",
        code(command, "Command"),
        facts(kept),
        *([text(limits, quiet=True)] if graph == "GRAPH" else []),
    )
