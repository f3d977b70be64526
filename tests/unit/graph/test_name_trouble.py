from __future__ import annotations

from pathlib import Path

import pytest

from kgtuner.graph import name_trouble
from kgtuner.graph.checking import check
from kgtuner.graph.name_trouble import doubtful_names


def kinds(entities: list[str], relations: list[str] | None = None) -> list[tuple[str, int, tuple[str, ...]]]:
    return [trouble[:3] for trouble in doubtful_names(entities, relations or [])]


@pytest.mark.parametrize(
    "name", ["ZÃ¼rich", "caf\ufffd", "donâ€™t", "bell\x07", "MÃ\xa0laga", "a\x85b", "Â§ 1"]
)
def test_damaged_names_are_found(name: str) -> None:
    assert kinds(["fine", name]) == [("encoding", 1, (name,))]


@pytest.mark.parametrize("name", ["Zürich", "São Paulo", "don’t", "Ångström", "東京", "a|b", "Â", "ÑU", "🙂"])
def test_names_in_any_language_are_fine(name: str) -> None:
    assert kinds(["fine", name], [name]) == []


def test_names_that_only_look_different_are_found() -> None:
    (found,) = doubtful_names(["Zu\u0308rich", "Bern", "Z\u00fcrich", " Bern", "Chur "], [])
    assert found[:3] == ("look_alikes", 2, ("'Zürich' and 'Zu\u0308rich'", "'Bern' and ' Bern'"))
    assert found[3].startswith(
        "2 entity names differ from another only in spaces around it or in its Unicode"
    )


def test_an_entity_and_a_relation_may_look_the_same() -> None:
    assert kinds(["a "], ["a"]) == []


def test_how_many_names_are_looked_at_together_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"n{i}" for i in range(50)] + ["x ", "x", "Ã¼"]
    whole = kinds(names)
    assert [kind for kind, _, _ in whole] == ["encoding", "look_alikes"]
    for size in (1, 7, 52):
        monkeypatch.setattr(name_trouble, "BLOCK", size)
        assert kinds(names) == whole


def test_the_check_tells_them(tmp_path: Path) -> None:
    (tmp_path / "facts.tsv").write_text(
        "".join(f"ZÃ¼rich\tr{i % 2}\te{i}\ne{i}\tr\te{i + 1}\n" for i in range(30))
    )
    (finding,) = check(str(tmp_path / "facts.tsv"))[1]
    assert finding.kind == "encoding"
    assert finding.message == (
        "1 entity name looks damaged by a wrong encoding or a control character, for example 'ZÃ¼rich'"
    )
