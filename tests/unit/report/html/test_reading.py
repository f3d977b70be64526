"""Run folders in every state."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kgtuner.defaults import default_config, default_for
from kgtuner.errors import RunError
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.report.html.reading import _default_flat, read_run
from kgtuner.tuning.run_folder import RunFolder

NewRun = Callable[..., RunFolder]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but those that sqlite keeps beside a database while it is open."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and not p.name.startswith("study.sqlite-")
    }


def test_a_finished_run_has_everything(ended_run: Path) -> None:
    found = read_run(ended_run)
    assert found.state == "finished"
    assert len(found.trials) == 40
    assert found.best is not None
    assert found.best.stage == "full"
    assert found.test is not None
    assert set(found.importances) == {"subgraph", "full"}
    assert len(found.relations) == 4
    assert found.examples
    assert found.notes == []


def test_reading_changes_nothing(ended_run: Path) -> None:
    before = contents(ended_run)
    read_run(ended_run)
    assert contents(ended_run) == before


def test_pairs_are_configurations_trained_on_both_graphs(ended_run: Path) -> None:
    pairs = read_run(ended_run, with_examples=False).pairs
    # Of 8 trials on the full graph the first and the last are the default configuration; the seventh subgraph trial
    # was transferred as number 7, which is the last, so it does not count.
    assert pairs["full_trial"].tolist() == [1, 2, 3, 4, 5, 6]
    assert not pairs["default"].any()


def test_of_a_training_that_goes_on_only_what_came_on_top_is_counted_as_spent(ended_run: Path) -> None:
    spent = read_run(ended_run, with_examples=False).spent
    full = spent[spent["part"] == "stage 2, full graph"].set_index("what")["seconds"]
    # Eight trials of two seconds, of which training is nine tenths; the last had two of its four from the first.
    assert full["training"] == pytest.approx(8 * 1.8)
    assert full["validation"] == pytest.approx(8 * (0.2 + 0.1))


def test_a_curve_that_went_on_stands_once(ended_run: Path) -> None:
    numbers = [curve["number"] for curve in read_run(ended_run, with_examples=False).curves["full"]]
    assert 7 in numbers
    assert 0 not in numbers


def test_a_failed_trial_has_its_reason(ended_run: Path) -> None:
    trials = read_run(ended_run, with_examples=False).trials
    failed = trials[trials["state"] == "failed"]
    assert len(failed) > 0
    assert set(failed["message"]) == {"17 of 512 scores are not finite"}


def test_a_run_without_a_result_is_unfinished_and_has_a_best(new_run: NewRun) -> None:
    found = read_run(new_run(ended=False).path)
    assert found.state == "unfinished"
    assert found.best is not None
    assert found.test is None
    assert len(found.relations) == 0


def test_a_run_in_whose_folder_somebody_works_is_running(new_run: NewRun) -> None:
    folder = new_run(ended=False)
    folder.lock()
    try:
        assert read_run(folder.path).state == "running"
    finally:
        folder.unlock()
    assert read_run(folder.path).state == "unfinished"


def test_an_interrupted_run_says_so(new_run: NewRun) -> None:
    folder = new_run()
    results = json.loads((folder.path / "results.json").read_text())
    folder.write("results.json", {**results, "stopped_by": "interrupted", "test": None, "default_test": None})
    found = read_run(folder.path)
    assert found.state == "interrupted"
    assert found.test is None


def test_a_run_of_one_stage_has_no_pairs(new_run: NewRun) -> None:
    found = read_run(new_run(two_stages=False).path)
    assert len(found.pairs) == 0
    assert set(found.importances) == {"full"}


def test_a_run_that_has_only_begun_can_be_read(new_run: NewRun) -> None:
    folder = new_run(ended=False)
    folder.study.unlink()
    (folder.path / "state.json").unlink()
    found = read_run(folder.path)
    assert found.best is None
    assert len(found.trials) == 0
    assert not folder.study.exists()


def test_a_model_that_cannot_be_read_is_a_note(new_run: NewRun) -> None:
    folder = new_run()
    folder.best_model.write_bytes(b"damaged")
    found = read_run(folder.path)
    assert found.examples == []
    assert found.notes[0].startswith("There are no examples of predictions: cannot read the model")


def test_a_single_training_has_no_report(tmp_path: Path) -> None:
    RunFolder(tmp_path).write("run.json", {"format": 1, "kind": "train"})
    with pytest.raises(
        RunError, match="is a single training, which has no trials; give the --output of kgtuner tune"
    ):
        read_run(tmp_path)


def test_no_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run folder"):
        read_run(tmp_path)


def graph_of(entities: int) -> KnowledgeGraph:
    triples = np.array([(0, 0, 1), (1, 0, 0)])
    names = tuple(map(str, range(entities)))
    return KnowledgeGraph("toy", names, ("r",), triples, triples[:1], triples[:1])


def test_a_default_that_was_not_trained_is_that_of_the_size_of_the_graph() -> None:
    assert _default_flat("complex", graph_of(20), []) == default_config("complex").flat()
    large = _default_flat("complex", graph_of(10_000), [])
    assert large == default_for("complex", 10_000, all_entities=True).flat()
    assert large["training.mode"] == "negative_sampling"
