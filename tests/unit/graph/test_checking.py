from __future__ import annotations

from pathlib import Path

import pytest

from kgtuner.errors import ConfigError, DataError
from kgtuner.graph.checking import check

RING = "".join(f"e{i}\tplus{s}\te{(i + s) % 60}\n" for s in (1, 2, 3) for i in range(60))


def kinds(spec: Path) -> list[str]:
    return [finding.kind for finding in check(str(spec))[1]]


def test_a_single_file_is_checked_as_it_is_before_repetitions_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "facts.tsv"
    path.write_text(RING)
    assert kinds(path) == []
    path.write_text(RING + "e0\tplus1\te1\n" * 2)
    graph, (finding,) = check(str(path))
    assert (finding.kind, finding.count) == ("duplicate_triples", 2)
    assert (len(graph.train), len(graph.test)) == (182, 0)


def test_a_single_file_is_told_what_a_random_split_would_leak(tmp_path: Path) -> None:
    path = tmp_path / "facts.tsv"
    path.write_text(RING + "".join(f"e{(i + 1) % 60}\tminus1\te{i}\n" for i in range(60)))
    findings = check(str(path))[1]
    assert [f.kind for f in findings] == ["inverse_relations", "inverse_relations", "leaks_when_split"]
    assert findings[-1].message.startswith("after a random split train answers ")


def test_a_file_that_is_too_small_to_split_is_told(tmp_path: Path) -> None:
    (tmp_path / "one.tsv").write_text("a\tr\tb\n")
    assert kinds(tmp_path / "one.tsv") == ["too_small"]


def test_what_was_left_out_is_told(tmp_path: Path) -> None:
    lines = [f"<x:{i}> <x:r{s}> <x:{(i + s) % 40}> .\n" for i in range(40) for s in (1, 2, 3)]
    (tmp_path / "facts.nt").write_text("".join(lines) + '<x:1> <x:r> "text" .\n')
    assert kinds(tmp_path / "facts.nt") == ["left_out"]


def test_the_threshold_is_the_callers(tmp_path: Path) -> None:
    path = tmp_path / "facts.tsv"
    path.write_text(
        RING + "".join(f"e{(i + 1) % 60}\tminus1\te{i if i < 40 else i - 9}\n" for i in range(60))
    )
    assert kinds(path) == []
    findings = check(str(path), threshold=0.6)[1]
    assert [f.kind for f in findings if f.kind == "inverse_relations"] == ["inverse_relations"] * 2


def test_what_is_not_there_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'worl'. Did you mean 'world'"):
        check("worl")
    with pytest.raises(DataError, match="no such file or folder"):
        check(str(tmp_path / "nothing.tsv"))
