from __future__ import annotations

import dataclasses
import io
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kgtuner.config import Component, TrialConfig
from kgtuner.evaluation.evaluator import Evaluation, Sample
from kgtuner.evaluation.metrics import Metrics
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.prediction import Prediction, RelationPrediction
from kgtuner.report.console import make_console
from kgtuner.report.tables import (
    finding_lines,
    next_commands,
    places,
    show_datasets,
    show_evaluation,
    show_graph,
    show_predictions,
    show_tuning,
)
from kgtuner.tuning.result import TuneResult


def metrics(mrr: float, mean_rank: float = 20.0) -> Metrics:
    return Metrics(mrr, mean_rank, mrr - 0.1, mrr, mrr + 0.1, 0.5, 200)


def evaluation(mrr: float, **relations: float) -> Evaluation:
    return Evaluation(
        split="test",
        overall=metrics(mrr),
        by_direction={"tail": metrics(mrr), "head": metrics(mrr)},
        by_relation={name: metrics(value) for name, value in relations.items()},
        by_category={"N-N": metrics(mrr)},
    )


def trial(stage: str, number: int, value: float | None, **settings: Any) -> dict[str, Any]:
    state = "failed" if value is None else "stopped"
    row = {"stage": stage, "number": number, "state": state, "default": number == 0, "value": value}
    return {**row, "reason": None, "seconds": 12.0, "steps": 100, **settings}


TRIALS = pd.DataFrame(
    [
        trial("subgraph", 7, 0.99, **{"model.dimension": 64}),
        trial("full", 0, 0.30, **{"model.dimension": 200, "optimizer.learning_rate": 0.1}),
        trial("full", 1, None, **{"model.dimension": 4096}),
        trial("full", 2, 0.41, **{"model.dimension": 512, "optimizer.learning_rate": 0.00123456}),
        trial("full", 3, 0.35, **{"model.dimension": 256, "loss.margin": 2.0}),
    ]
)


@pytest.fixture
def result(tmp_path: Path) -> TuneResult:
    (tmp_path / "best.yaml").write_text("model: complex\n")
    return TuneResult(
        output=tmp_path,
        best_config=TrialConfig(model=Component(name="complex"), loss=Component(name="cross_entropy")),
        best_metrics=metrics(0.41).to_mapping(),
        test=evaluation(0.4044),
        default_test=evaluation(0.2955),
        default_metrics=metrics(0.30).to_mapping(),
        trials=TRIALS,
        stages=[
            {"stage": "subgraph", "seconds": 60.0, "trials": 15, "failed": 2},
            {"stage": "full", "seconds": 61.0, "trials": 4, "failed": 1},
        ],
        seconds=125.0,
        stopped_by="budget",
        metric="mrr",
        peak_rss_mb=500.0,
    )


def shown(show: Any, *args: Any, **options: Any) -> str:
    stream = io.StringIO()
    show(*args, make_console(stream), **options)
    return stream.getvalue()


def row(text: str, title: str) -> list[str]:
    """The cells of the first line that starts with a title."""
    line = next(line for line in text.splitlines() if line.startswith(title))
    return line.removeprefix(title).split()


def test_the_best_trials_of_the_full_graph_stand_side_by_side(result: TuneResult) -> None:
    text = shown(show_tuning, result)
    assert row(text, "   ") == ["trial", "2", "trial", "3", "trial", "0", "(default)"]
    assert row(text, "MRR on validation") == ["0.4100", "0.3500", "0.3000"]
    assert row(text, "model.dimension") == ["512", "256", "200"]
    assert row(text, "optimizer.learning_rate") == ["0.001235", "0.1"]
    assert "4096" not in text  # it failed
    assert "0.99" not in text  # it was measured on the subgraph


def test_the_best_stands_next_to_the_default_on_test(result: TuneResult) -> None:
    text = shown(show_tuning, result)
    assert "Test triples" in text
    assert row(text, "MRR  ") == ["0.4044", "0.2955"]
    assert row(text, "mean rank") == ["20.0", "20.0"]


def test_a_sample_of_test_is_told_with_its_error_and_how_to_rank_all(result: TuneResult) -> None:
    assert "A random sample" not in shown(show_tuning, result)
    assert result.test is not None
    test = dataclasses.replace(result.test, sample=Sample(9_000, 162_870, 0.00312))
    text = shown(show_tuning, dataclasses.replace(result, test=test))
    assert (
        "A random sample of 9,000 of the 162,870 triples was ranked; the standard error of the MRR is 0.0031. "
        f"All of them: kgtuner evaluate {result.output} --split test"
    ) in text


def test_the_best_and_the_default_say_how_long_each_was_trained(result: TuneResult) -> None:
    seconds = [900.0, 6.0, 7.0, 28.4, 95.0]
    longer = replace(result, trials=TRIALS.assign(seconds=seconds))
    titles = "best found (28s of training)  default configuration (6s of training)"
    for ended in (longer, replace(longer, test=None, default_test=None, stopped_by="interrupted")):
        assert titles in shown(show_tuning, ended)
    early = replace(longer, trials=longer.trials[longer.trials["stage"] == "subgraph"], default_test=None)
    assert "best found (15m 00s of training)\n" in shown(show_tuning, early)


def test_time_is_told_per_stage_and_in_all(result: TuneResult) -> None:
    text = shown(show_tuning, result)
    assert row(text, "stage 1, subgraph") == ["15", "2", "1m", "00s"]
    assert row(text, "stage 2, full graph") == ["4", "1", "1m", "01s"]
    assert row(text, "all") == ["19", "3", "2m", "05s"]


def test_the_best_configuration_is_yaml_that_train_takes(result: TuneResult) -> None:
    text = shown(show_tuning, result)
    yaml = text.split("Best configuration\n")[1].split("\nWhere")[0]
    path = result.output / "copied.yaml"
    path.write_text(yaml)
    assert TrialConfig.load(path) == result.best_config


def test_only_files_that_are_there_are_named(result: TuneResult) -> None:
    places = shown(show_tuning, result).split("Where everything lies")[1].replace("\n", "")
    assert "best configuration" in places
    assert "best model" not in places


def test_programs_get_the_files_that_are_there_too(result: TuneResult) -> None:
    (result.output / "best.yaml").touch()
    assert places(result.output) == {"best configuration": str(result.output / "best.yaml")}


def test_the_next_commands_can_be_copied(result: TuneResult) -> None:
    there = replace(result, output=Path("my runs/a"))
    assert next_commands(there, "wn18rr") == [
        "kgtuner evaluate 'my runs/a' --split test",
        "kgtuner train wn18rr --config 'my runs/a/best.yaml' --seed 1",
    ]
    assert "train" not in " ".join(next_commands(there, None))


def test_the_next_question_is_one_of_the_test_triples_that_a_shell_can_repeat(result: TuneResult) -> None:
    entities = ["Paris", "New York", "\x1b[2J", "-O'Hare"]
    test = [(2, 0, 0), (3, 0, 1), (1, 0, 3)]  # the first begins with a name that cannot be shown as it is
    train = [(0, 0, 1), (2, 0, 3)]
    graph = KnowledgeGraph.from_arrays(train, [(1, 0, 0)], test, entities=entities, relations=["is in"])
    graph.save(result.output / "graph")
    (command,) = [line for line in next_commands(result, None) if line.startswith("kgtuner predict")]
    place = str(result.output)
    assert shlex.split(command)[1:] == ["predict", place, "--head=-O'Hare", "--relation", "is in", "-k", "10"]


def test_the_next_question_is_rather_one_without_quotes(result: TuneResult) -> None:
    entities = ["New York", "France", "Spain"]
    graph = KnowledgeGraph.from_arrays(
        [(0, 0, 1)], [(0, 0, 1)], [(0, 0, 1), (1, 0, 2)], entities=entities, relations=["borders"]
    )
    graph.save(result.output / "graph")
    place = shlex.quote(str(result.output))
    assert f"kgtuner predict {place} --head France --relation borders -k 10" in next_commands(result, None)


def test_many_findings_of_a_kind_are_counted() -> None:
    findings = [("copies", f"pair {i}") for i in range(12)] + [("leak", "test shares 1 triple with train")]
    lines = finding_lines(findings)
    assert lines[7:] == [
        "- pair 7",
        "  and 4 more such copies (--json lists all)",
        "- test shares 1 triple with train",
    ]


def test_a_long_command_is_one_line(result: TuneResult) -> None:
    long = replace(result, output=Path("r" * 200))
    assert f"kgtuner evaluate {'r' * 200} --split test" in shown(show_tuning, long).splitlines()


def test_an_interrupted_run_shows_validation_and_how_to_resume(result: TuneResult) -> None:
    stopped = replace(result, stopped_by="interrupted", test=None, default_test=None)
    text = shown(show_tuning, stopped)
    assert "Test triples\n" not in text
    assert row(text, "MRR  ") == ["0.4100", "0.3000"]
    assert text.rstrip().endswith(f"kgtuner tune --resume {result.output}")


def test_without_a_full_trial_the_best_are_those_of_the_subgraph(result: TuneResult) -> None:
    text = shown(show_tuning, replace(result, trials=TRIALS[TRIALS["stage"] == "subgraph"]))
    assert "(on the subgraph)" in text
    assert row(text, "MRR on validation") == ["0.9900"]


def test_a_mean_rank_is_told_as_a_rank(result: TuneResult) -> None:
    ranks = TRIALS.assign(value=-100 * TRIALS["value"])
    text = shown(show_tuning, replace(result, metric="mean_rank", trials=ranks))
    assert row(text, "mean rank on validation") == ["30.0", "35.0", "41.0"]


def test_an_evaluation_is_broken_down() -> None:
    text = shown(show_evaluation, evaluation(0.5, borders=0.9, capital_of=0.2))
    for title, mrr in (("all", "0.5000"), ("head", "0.5000"), ("N-N", "0.5000"), ("borders", "0.9000")):
        assert row(text, title)[0] == mrr


def test_only_the_most_frequent_relations_are_listed() -> None:
    many = evaluation(0.5, **{f"r{i:02d}": 0.5 for i in range(30)})
    many.by_relation["often"] = replace(metrics(0.5), count=10_000)
    text = shown(show_evaluation, many)
    assert "the 20 most frequent of 31" in text
    assert "often" in text
    assert "r29" not in text


def test_predictions_show_what_is_in_the_graph() -> None:
    question = {"head": "a", "relation": "likes", "tail": None}
    text = shown(
        show_predictions, question, [Prediction("[red]b\x1b[0m", 1.5, True), Prediction("c", 1.0, False)]
    )
    assert "(a, likes, ?)" in text
    assert row(text, "[red]b\\x1b[0m") == ["1.5", "yes"]
    assert row(text, "c") == ["1"]
    assert "in the graph" not in shown(show_predictions, question, [Prediction("c", 1.0, False)])
    assert "no answer" in shown(show_predictions, question, [])


def test_predicted_relations_are_shown_by_name() -> None:
    question = {"head": "a", "relation": None, "tail": "b"}
    assert row(shown(show_predictions, question, [RelationPrediction("likes", 2.0, None)]), "likes") == ["2"]


def test_data_sets_say_whether_they_are_here() -> None:
    counts = {"entities": 1000, "relations": 2, "train": 3, "valid": 4, "test": 5, "licence": "MIT"}
    sets = [{"name": "near", **counts, "found_in": "/data"}, {"name": "far", **counts, "found_in": None}]
    text = shown(show_datasets, sets)
    assert row(text, "near") == ["1,000", "2", "3", "4", "5", "yes", "MIT"]
    assert row(text, "far") == ["1,000", "2", "3", "4", "5", "MIT"]


def test_a_graph_that_is_not_here_is_described_by_its_card() -> None:
    keys = ("title", "description", "citation", "licence", "licence_url", "licence_terms", "checksums")
    card = {**dict.fromkeys(keys, "text"), "counts": {"entities": 1234}}
    text = shown(lambda *args: show_graph("far", card, None, None, args[-1]))
    assert row(text, "entities") == ["1,234"]
    assert "kgtuner datasets info far --download" in text
