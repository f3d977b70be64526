"""The page of a single training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import kgtuner as kt
from benchmarks.report import make_graph
from kgtuner.cli.main import main
from kgtuner.errors import ConfigError, RunError
from kgtuner.report.html.training import read_training, training_sections

NAME = "<b>x</b>"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training of a small graph one of whose relations has a name that a page must not take for markup."""
    folder = tmp_path_factory.mktemp("runs") / "my run"
    config = kt.default_config("distmult").updated(
        {"training.max_steps": 60, "training.validate_every": 20, "model.dimension": 16}
    )
    kt.train(make_graph(relation_names=[NAME]), config, output=folder, seed=3)
    return folder


def sections(folder: Path, **options: Any) -> dict[str, Any]:
    return {section["anchor"]: section for section in training_sections(read_training(folder, **options))}


def test_the_page_has_metrics_curve_relations_and_how_to_repeat_it(trained: Path) -> None:
    shown = sections(trained)
    assert list(shown) == ["answer", "learning", "relations", "reproduce"]
    result = json.loads((trained / "results.json").read_text())
    text = json.dumps(shown, ensure_ascii=False)
    assert f"{result['valid']['mrr']:.4f}" in json.dumps(shown["answer"])
    assert f"kgtuner train GRAPH --config '{trained}/best.yaml' --seed 3" in text
    assert "Filtered validation metrics" in text


def test_relations_are_those_of_validation_and_test_is_left_alone(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kgtuner.report.html import training

    asked: list[str] = []
    whole = training.evaluate_split

    def watched(model: Any, graph: Any, split: Any, **options: Any) -> Any:
        asked.append(split)
        return whole(model, graph, split, **options)

    monkeypatch.setattr(training, "evaluate_split", watched)
    report = read_training(trained)
    assert asked == ["valid"]
    graph = kt.KnowledgeGraph.load(trained / "graph")
    assert report.relations["count"].sum() == 2 * len(graph.valid)
    held_out = {tuple(triple) for triple in graph.valid.tolist()}
    entities, relations = list(graph.entities), list(graph.relations)
    examples = [e for group in report.examples for e in group.examples]
    assert examples
    for e in examples:
        head, tail = (e.answer if part is None else part for part in (e.head, e.tail))
        assert (entities.index(head), relations.index(e.relation), entities.index(tail)) in held_out


def test_the_command_and_python_write_the_same_kind_of_page(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(trained), "--output", str(tmp_path / "page.html"), "--no-examples"]) == 0
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!doctype html>")
    assert NAME not in page
    assert kt.write_report(trained) == trained / "report.html"
    assert "page.html" in capsys.readouterr().out


def test_a_training_that_goes_on_or_that_is_in_memory_has_no_page(trained: Path, tmp_path: Path) -> None:
    unfinished = tmp_path / "unfinished"
    shutil.copytree(trained, unfinished)
    (unfinished / "results.json").unlink()
    with pytest.raises(RunError, match="has not ended; give its kgtuner train command again"):
        kt.write_report(unfinished)
    in_memory = kt.train(make_graph(), kt.default_config("distmult").updated({"training.max_steps": 2}))
    with pytest.raises(ConfigError, match="kept in memory only"):
        kt.write_report(in_memory)


def test_figures_of_a_training_are_refused_before_anything_is_written(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="figures are drawn of a tuning"):
        kt.write_report(trained, tmp_path / "page.html", figures=tmp_path / "figures")
    assert not (tmp_path / "page.html").exists()


def test_damaged_results_are_one_sentence(trained: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(trained, damaged)
    results = json.loads((damaged / "results.json").read_text())
    del results["seed"]
    (damaged / "results.json").write_text(json.dumps(results))
    with pytest.raises(RunError, match="is damaged .*restore it or train anew"):
        kt.write_report(damaged)
