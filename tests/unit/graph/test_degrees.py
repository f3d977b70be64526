from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kgtuner.errors import ConfigError, RunError
from kgtuner.graph import KnowledgeGraph
from kgtuner.graph.degrees import DegreeBin, degree_bins, degree_lines, degrees, save_degree_figure


def star(name: str = "star") -> KnowledgeGraph:
    """Entity 0 has degree 9 (a loop counts twice), 1 to 7 have 1, 8 occurs in test only."""
    train = [(0, 0, i) for i in range(1, 8)] + [(0, 0, 0)]
    return KnowledgeGraph.from_arrays(train, [(1, 0, 2)], [(1, 0, 8)], name=name)


def test_degrees_count_both_ends_in_train() -> None:
    assert degrees(star()).tolist() == [9, 1, 1, 1, 1, 1, 1, 1, 0]


def test_bins_double_and_hold_every_entity() -> None:
    assert degree_bins(star()) == (
        DegreeBin(0, 0, 1),
        DegreeBin(1, 1, 7),
        DegreeBin(2, 3, 0),
        DegreeBin(4, 7, 0),
        DegreeBin(8, 15, 1),
    )


def test_bins_begin_with_the_first_that_has_an_entity() -> None:
    ring = [(i, r, (i + 1 + r) % 9) for r in range(2) for i in range(9)]
    graph = KnowledgeGraph.from_arrays(ring, [(0, 0, 1)], [(0, 0, 1)])
    assert degree_bins(graph) == (DegreeBin(4, 7, 9),)


def test_a_bar_for_one_entity_is_seen_beside_one_for_thousands() -> None:
    lines = degree_lines((DegreeBin(1, 1, 4999), DegreeBin(2, 3, 0), DegreeBin(4, 7, 1)), width=20)
    # log(1 + 1) / log(5000) * 20 = 1.6
    assert lines == [f"  1  4,999  {'█' * 20}", "2–3      0", "4–7      1  ██"]


@pytest.mark.parametrize(("ending", "start"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_the_figure_has_the_format_of_its_ending(tmp_path: Path, ending: str, start: bytes) -> None:
    save_degree_figure(star("$\\frac{1}$ \x1b[2J <b>東京"), tmp_path / f"degrees{ending}")
    content = (tmp_path / f"degrees{ending}").read_bytes()
    assert content.startswith(start)
    assert b"\x1b" not in content or ending != ".svg"
    assert [path.name for path in tmp_path.iterdir()] == [f"degrees{ending}"]


def test_the_figure_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        save_degree_figure(star(), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_another_ending_and_a_folder_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must end in .svg, .png, .pdf, got 'degrees.bmp'"):
        save_degree_figure(star(), tmp_path / "degrees.bmp")
    with pytest.raises(RunError, match="cannot write"):
        save_degree_figure(star(), tmp_path / "nowhere" / "degrees.svg")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'kgtuner\[figures\]'"):
        save_degree_figure(star(), tmp_path / "a.svg")
