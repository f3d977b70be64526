"""`kgtuner datasets`: a user's data from the file to a folder that everything else reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kgtuner.cli.main import main

ODD = "who,does,whom,since\n"


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    """60 people who know three others, and are parents and children of one each."""
    rows = [f'"p, {i}",knows,"p, {(i + s) % 60}",1999\n' for i in range(60) for s in (1, 2, 3)]
    rows += [f'"p, {i}",parent_of,"p, {(i + 7) % 60}",\n' for i in range(60)]
    rows += [f'"p, {(i + 7) % 60}",child_of,"p, {i}",\n' for i in range(60)]
    path = tmp_path / "facts.csv"
    path.write_text(ODD + "".join(rows))
    return path


COLUMNS = ["--columns", "head=who,relation=does,tail=whom"]


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["datasets", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_csv_with_odd_names_becomes_a_graph_that_passes_its_check(
    facts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "graph"
    options = ["--valid", "0.15", "--test", "0.05", "--seed", "4", "--leaks", "together"]
    assert (
        main(["datasets", "import", str(facts), "--output", str(output), *COLUMNS, *options, "--json"]) == 0
    )
    assert told(capsys) == {
        "folder": str(output),
        # 45 and 15 were asked for; a triple and its inverse are not torn apart for the last one.
        "counts": {"entities": 60, "relations": 3, "train": 241, "valid": 44, "test": 15},
        "notes": [],
    }
    assert main(["datasets", "check", str(output), "--json"]) == 0
    report = told(capsys)
    assert report["ok"] is True
    assert [(f["kind"], f["wrong"]) for f in report["findings"]] == [("inverse_relations", False)] * 2


def test_what_leaks_is_said_at_import_and_makes_the_check_fail(
    facts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "import", facts, "--output", tmp_path / "graph", *COLUMNS)
    assert (code, err) == (0, "")
    assert "60 entities, 3 relations, 240 / 30 / 30 triples in train / valid / test" in out
    assert "- facts: train answers" in out
    code, out, err = run(capsys, "check", tmp_path / "graph")
    assert (code, err) == (3, "")
    assert "- wrong (answered_test): train answers" in out
    assert out.endswith("1 wrong, 2 worth knowing\n")
    code, out, err = run(capsys, "check", tmp_path / "graph", "--allow", "answered_test")
    assert (code, out.splitlines()[-1]) == (0, "0 wrong, 3 worth knowing")


def test_a_file_is_checked_before_it_is_imported(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", facts, *COLUMNS)
    assert (code, err) == (0, "")
    assert "worth knowing (leaks_when_split): after a random split train answers" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["import", "{facts}"], 2, "required: --output"),
        (
            ["import", "{facts}", "--output", "{out}"],
            3,
            "cannot tell which of the columns 'who, does, whom, since'",
        ),
        (["import", "{facts}", "--output", "{out}", "--columns", "who"], 3, "columns must read head=NAME"),
        (["import", "{facts}", "--output", "{out}", *COLUMNS, "--leaks", "dorp"], 2, "Did you mean 'drop'"),
        (
            ["import", "{facts}", "--output", "{out}", *COLUMNS, "--literals", "all"],
            2,
            "way to treat literals 'all'",
        ),
        (["import", "{facts}", "--output", "{out}", *COLUMNS, "--test", "1"], 2, "between 0 and 1, got '1'"),
        (["import", "{facts}", "--output", "{facts}", *COLUMNS], 4, "exists and is not an empty folder"),
        (["import", "nowhere.csv", "--output", "{out}"], 3, "no graph at nowhere.csv"),
        (["import", "--output", "{out}"], 2, "a name is missing: kgtuner datasets import NAME"),
        (["check"], 2, "a name is missing: kgtuner datasets check NAME"),
        (["check", "{facts}", "--threshold", "2"], 2, "between 0 and 1"),
        (
            ["check", "{facts}", "--allow", "leaks"],
            2,
            "unknown kind of finding in --allow 'leaks'. Did you mean 'leak'",
        ),
        (["check", "{facts}", "--colums", "x"], 2, "unknown option '--colums'. Did you mean '--columns'"),
        (["fetch"], 2, "a name is missing: kgtuner datasets fetch NAME"),
        (["fetch", "worl"], 2, "Did you mean 'world'"),
        (["info", "world", "--figure", "{out}.bmp"], 2, "must end in .svg, .png, .pdf"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    facts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    places = {"facts": facts, "out": tmp_path / "out"}
    given, out, err = run(capsys, *(argument.format(**places) for argument in arguments))
    assert (given, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["facts.csv"]


def test_info_shows_degrees_and_writes_their_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "info", "world", "--figure", tmp_path / "degrees.svg")
    assert (code, err) == (0, "")
    assert "Degrees" in out
    assert "  8–15  4,166  ████" in out
    assert (tmp_path / "degrees.svg").read_text().startswith("<?xml")
    assert main(["datasets", "info", "world", "--json"]) == 0
    bins = told(capsys)["degrees"]
    assert sum(one["entities"] for one in bins) == 6313
    assert {"low": 8, "high": 15, "entities": 4166} in bins


def test_fetch_verifies_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "fetch", "world", "--json"]) == 0
    report = told(capsys)
    assert report["downloaded"] is False
    assert sorted(report["verified"]) == ["test", "train", "valid"]
    code, out, _ = run(capsys, "fetch", "world")
    assert code == 0
    assert "world: was here already" in out
    assert "checksums of train, valid, test" in out


def test_fetch_refuses_a_copy_that_is_not_the_published_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "nations"
    folder.mkdir()
    for split in ("train", "valid", "test"):
        (folder / f"{split}.txt").write_text("a\tr\tb\n")
    monkeypatch.setenv("KGTUNER_DATA", str(tmp_path))
    code, _, err = run(capsys, "fetch", "nations")
    assert code == 3
    assert "is not the nations its card describes" in err


def test_json_may_stand_before_the_action(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "--json", "list"]) == 0
    assert "datasets" in told(capsys)
    assert main(["datasets", "list"]) == 0
    assert capsys.readouterr().out.startswith("name")


def test_control_characters_of_a_file_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evil.csv").write_text("head,relation,tail\n" + "\x1b[2Ja,r,b\n" * 3)
    code, out, err = run(capsys, "check", tmp_path / "evil.csv")
    assert code == 3
    assert "\x1b" not in out + err
    assert "encoding" in out


@pytest.mark.parametrize("suffix", [".csv", ".nt", ".ttl", ".parquet", ".tsv"])
def test_what_is_given_to_tune_and_train_may_have_every_format(tmp_path: Path, suffix: str) -> None:
    import pandas as pd

    from kgtuner.api.graphs import as_graph

    rows = [(f"x:{i}", f"x:r{s}", f"x:{(i + s) % 30}") for i in range(30) for s in (1, 2, 3)]
    path = tmp_path / f"mine{suffix}"
    frame = pd.DataFrame(rows, columns=["subject", "predicate", "object"])
    if suffix in (".csv", ".tsv"):
        frame.to_csv(path, index=False, sep="," if suffix == ".csv" else "\t")
    elif suffix == ".parquet":
        frame.to_parquet(path)
    else:
        path.write_text("".join(f"<{h}> <{r}> <{t}> .\n" for h, r, t in rows))
    graph = as_graph(str(path), seed=0)
    assert (graph.name, graph.n_entities, graph.n_relations) == ("mine", 30, 3)
    assert (len(graph.train), len(graph.valid), len(graph.test)) == (72, 9, 9)


def test_a_model_is_trained_on_a_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"x{i},r{s},x{(i + s) % 30}\n" for i in range(30) for s in (1, 2, 3)]
    (tmp_path / "mine.csv").write_text("head,relation,tail\n" + "".join(rows))
    config = tmp_path / "small.yaml"
    config.write_text(
        "model: {name: distmult, dimension: 4}\nloss: cross_entropy\ntraining: {max_steps: 2}\n"
    )
    options = ["--config", str(config), "--output", str(tmp_path / "run"), "--json"]
    assert main(["train", str(tmp_path / "mine.csv"), *options]) == 0
    assert json.loads(capsys.readouterr().out)
