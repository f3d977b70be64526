"""What is told about a graph before it is trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kgtuner as kt
from kgtuner.api.graphs import as_graph
from kgtuner.cli.main import main
from kgtuner.tuning import problems as module
from kgtuner.tuning.problems import problems

TRAIN = [(0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 0, 0)]


@pytest.mark.parametrize(
    ("train", "valid", "test", "lines"),
    [
        ([], [], [], ()),
        ([(0, 0, 1)], [], [], ("train repeats 1 triple of its own",)),
        ([], [(0, 0, 1)], [], ("valid shares 1 triple with train",)),
        ([], [], [(0, 0, 1), (1, 0, 2)], ("test shares 2 triples with train",)),
        ([(2, 0, 2)], [], [], ("train has 1 triple whose head is its tail",)),
        ([], [], [(0, 0, 4)], ("test has 1 triple with an entity not in train",)),
    ],
)
def test_each_problem_is_one_short_line(
    train: list[tuple[int, int, int]],
    valid: list[tuple[int, int, int]],
    test: list[tuple[int, int, int]],
    lines: tuple[str, ...],
) -> None:
    graph = kt.KnowledgeGraph.from_arrays(
        TRAIN + train, [(0, 0, 2), *valid], [(1, 0, 3), *test], name="mine", entities=list("abcde")
    )
    assert problems(graph) == tuple(f"mine: {line}" for line in lines)


def test_relations_that_copy_each_other_are_left_to_the_data_set_command() -> None:
    pairs = [(i, (i + 1) % 30) for i in range(30)]
    both = [(h, 0, t) for h, t in pairs] + [(t, 1, h) for h, t in pairs]
    graph = kt.KnowledgeGraph.from_arrays(both, [(0, 0, 2)], [(1, 0, 3)])
    assert {finding.kind for finding in graph.audit()} == {"inverse_relations"}
    assert problems(graph) == ()


def test_a_graph_too_large_to_look_through_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AUDITED_UP_TO", 5)
    graph = kt.KnowledgeGraph.from_arrays([*TRAIN, TRAIN[0]], [(0, 0, 2)], [(1, 0, 3)], name="big")
    (line,) = problems(graph)
    assert line.startswith("big: not searched for problems, because 7 triples are more than 5")


def test_train_tells_them_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "leaky"
    folder.mkdir()
    (folder / "train.txt").write_text("a\tr\tb\nb\tr\tc\nc\tr\ta\n")
    (folder / "valid.txt").write_text("a\tr\tc\n")
    (folder / "test.txt").write_text("a\tr\tb\n")
    (tmp_path / "small.yaml").write_text(
        "model: {name: distmult, dimension: 4}\nloss: cross_entropy\ntraining: {max_steps: 2}\n"
    )
    config = ["--config", str(tmp_path / "small.yaml"), "--output", str(tmp_path / "run")]
    assert main(["train", str(folder), *config]) == 0
    assert capsys.readouterr().err.splitlines()[0] == "leaky: test shares 1 triple with train"


def test_what_was_told_when_a_file_was_split_is_not_told_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(40, size=(400, 2)), axis=0).tolist()
    lines = [f"e{a}\thas\te{b}" for a, b in pairs if a != b] + [f"e{b}\tof\te{a}" for a, b in pairs if a != b]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines) + "\n")
    told: list[str] = []
    graph = as_graph(tmp_path / "pairs.tsv", 0, told.append)
    assert len(told) == 1
    assert "leaks='together'" in told[0]
    assert [line for line in problems(graph) if "train answers" in line]
    assert not [line for line in problems(graph, told) if "train answers" in line]
    assert problems(graph, ["pairs: something else"]) == problems(graph)
