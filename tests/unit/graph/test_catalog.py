from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kgtuner.errors import ConfigError, DataError
from kgtuner.graph import catalog
from kgtuner.graph.catalog import DatasetCard, dataset_card, find_dataset, load_dataset, resolve_graph
from kgtuner.graph.knowledge_graph import KnowledgeGraph

TRIPLES = {"train": "a\tr\tb\nb\tr\tc\nc\tr\ta\n", "valid": "a\tr\tc\n", "test": "b\tr\ta\n"}
CARD = """\
name: toy
title: Toy
description: Three entities in a ring.
citation: nobody
licence: CC0
licence_terms: Do what you like.
counts: {entities: 3, relations: 1, train: 3, valid: 1, test: 1}
counts_source: counted
checksums: none
sources:
  - folder: http://127.0.0.1:9/toy
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog whose only data set is `toy`, with empty places to find it in; returns the card's path."""
    card = tmp_path / "cards" / "toy" / "dataset.yaml"
    card.parent.mkdir(parents=True)
    card.write_text(CARD)
    monkeypatch.setattr(catalog, "DATASETS", {"toy": "toy/dataset.yaml", "other": "other/dataset.yaml"})
    monkeypatch.setattr(catalog, "cards_folder", lambda: tmp_path / "cards")
    monkeypatch.setenv("KGTUNER_DATA", str(tmp_path / "shared"))
    monkeypatch.setenv("KGTUNER_CACHE", str(tmp_path / "cache"))
    return card


@pytest.fixture
def served(tmp_path: Path, toy: Path) -> Iterator[Path]:
    """The folder behind the toy card's address."""
    site = tmp_path / "site"
    write(site / "toy")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    toy.write_text(CARD.replace(":9/", f":{server.server_port}/"))
    yield site / "toy"
    server.shutdown()
    server.server_close()
    thread.join()


def write(folder: Path, suffix: str = ".txt", **changed: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for split, text in {**TRIPLES, **changed}.items():
        (folder / f"{split}{suffix}").write_text(text)
    return folder


def binary_copies(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "binary").glob("*"))


@pytest.mark.parametrize("place", ["cards", "shared", "cache/datasets"])
def test_data_set_is_found_where_it_lies(place: str, tmp_path: Path) -> None:
    folder = write(tmp_path / place / "toy")
    assert find_dataset(dataset_card("toy")) == folder
    graph = load_dataset("toy", download=False)
    assert (graph.name, graph.n_entities, len(graph.train)) == ("toy", 3, 3)


def test_what_ships_wins_over_shared_data_and_that_over_the_cache(tmp_path: Path) -> None:
    for place in ("cache/datasets", "shared", "cards"):
        folder = write(tmp_path / place / "toy")
        assert find_dataset(dataset_card("toy")) == folder


def test_folder_that_lacks_a_split_is_passed_over(tmp_path: Path) -> None:
    (write(tmp_path / "shared" / "toy") / "valid.txt").unlink()
    cached = write(tmp_path / "cache" / "datasets" / "toy")
    assert find_dataset(dataset_card("toy")) == cached


def test_gzipped_splits_count(tmp_path: Path) -> None:
    import gzip

    folder = write(tmp_path / "shared" / "toy")
    (folder / "train.txt.gz").write_bytes(gzip.compress((folder / "train.txt").read_bytes()))
    (folder / "train.txt").unlink()
    assert len(load_dataset("toy", download=False).train) == 3


def test_read_only_folders_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "BINARY_FROM_TRIPLES", 0)
    folder = write(tmp_path / "shared" / "toy")
    (tmp_path / "cache").write_text("a file where the cache folder should be")
    folder.chmod(0o555)
    assert load_dataset("toy", download=False).n_entities == 3


def test_missing_data_set_is_downloaded_once(served: Path, tmp_path: Path) -> None:
    assert load_dataset("toy").n_entities == 3
    assert (tmp_path / "cache" / "datasets" / "toy" / "train.txt").read_text() == TRIPLES["train"]
    shutil.rmtree(served)
    assert load_dataset("toy").n_entities == 3


def test_checksums_of_the_card_are_held_against_the_download(served: Path, toy: Path, tmp_path: Path) -> None:
    toy.write_text(toy.read_text() + f"files:\n  train: sha256:{'0' * 64}\n")
    with pytest.raises(
        DataError, match=r"train\.txt from .* expected 0{64}, so this is not the published file"
    ):
        load_dataset("toy")
    assert not (tmp_path / "cache" / "datasets" / "toy").exists()


def test_without_a_network_one_sentence_says_what_is_missing_and_where_to_put_it(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(DataError) as caught:
        load_dataset("toy")
    assert time.monotonic() - start < 5
    assert str(caught.value) == (
        f"toy is not on this machine: looked in {tmp_path}/cards/toy, {tmp_path}/shared/toy, "
        f"{tmp_path}/cache/datasets/toy, and downloading failed (no answer from 127.0.0.1:9); "
        f"put train.txt, valid.txt and test.txt (or .txt.gz) into {tmp_path}/cache/datasets/toy "
        "or into $KGTUNER_DATA/toy"
    )


def test_download_can_be_switched_off(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KGTUNER_DATA")
    with pytest.raises(DataError, match=r"\(KGTUNER_DATA is not set\), and downloading is switched off"):
        load_dataset("toy", download=False)


def test_counts_that_differ_from_the_card_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "shared" / "toy", train=TRIPLES["train"] + "a\tr\td\n")
    with pytest.raises(
        DataError,
        match=r"shared/toy is not the toy its card describes: it has 4 entities instead of 3, 4 train",
    ):
        load_dataset("toy")


def test_large_graph_leaves_a_binary_copy_that_the_next_load_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "BINARY_FROM_TRIPLES", 5)
    write(tmp_path / "shared" / "toy")
    first = load_dataset("toy")
    assert len(binary_copies(tmp_path)) == 1
    monkeypatch.setattr(KnowledgeGraph, "from_tsv", lambda *_, **__: pytest.fail("read the text again"))
    again = load_dataset("toy")
    assert (again.name, list(again.entities)) == ("toy", list(first.entities))
    np.testing.assert_array_equal(again.train, first.train)


def test_small_graph_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path / "shared" / "toy")
    load_dataset("toy")
    assert not (tmp_path / "cache").exists()


def test_changed_files_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "BINARY_FROM_TRIPLES", 5)
    folder = write(tmp_path / "shared" / "toy")
    load_dataset("toy")
    (folder / "test.txt").write_text("c\tr\tb\n")
    os.utime(folder / "test.txt", ns=(1, 1))
    graph = load_dataset("toy")
    head, relation, tail = graph.test[0]
    assert (graph.entities[head], graph.relations[relation], graph.entities[tail]) == ("c", "r", "b")


def test_damaged_binary_copy_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "BINARY_FROM_TRIPLES", 5)
    write(tmp_path / "shared" / "toy")
    load_dataset("toy")
    (copy,) = binary_copies(tmp_path)
    for file in copy.iterdir():
        file.write_bytes(b"")
    assert load_dataset("toy").n_entities == 3
    assert binary_copies(tmp_path) == [copy]
    assert KnowledgeGraph.load(copy).n_entities == 3


def test_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"^unknown data set 'toi'\. Did you mean 'toy'\? Known: toy, other$"
    ):
        load_dataset("toi")
    with pytest.raises(
        ConfigError, match=r"unknown data set 'toi'\. Did you mean 'toy'\? .*no file or folder"
    ):
        resolve_graph("toi")


def test_graph_is_resolved_from_a_name_a_folder_or_a_file(tmp_path: Path) -> None:
    folder = write(tmp_path / "shared" / "toy")
    assert resolve_graph("toy").name == "toy"
    assert resolve_graph(str(folder)).n_entities == 3
    everything = tmp_path / "mine.tsv"
    everything.write_text("".join(f"e{i}\tr\te{(i * i + 1) % 20}\n" for i in range(100)))
    one, two = resolve_graph(str(everything), seed=1), resolve_graph(str(everything), seed=2)
    assert len(one.valid) > 0
    assert one.test.tolist() != two.test.tolist()


def test_path_without_a_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"no such file or folder: .*/absent; expected one, or a data set \(toy, other\)"
    ):
        resolve_graph(str(tmp_path / "absent"))


def test_an_ogb_set_that_is_not_here_says_which_folder_is_wanted(toy: Path, tmp_path: Path) -> None:
    toy.write_text(
        CARD.replace("folder: http://127.0.0.1:9/toy", "archive: http://127.0.0.1:9/o-o.zip")
        + "reader: ogb\n"
    )
    with pytest.raises(
        DataError, match=r"toy is not on this machine: .*put the folder that OGB's zip file unpacks to"
    ):
        load_dataset("toy", download=False)


def test_card_shows_its_terms() -> None:
    card = dataset_card("toy")
    assert (card.licence, card.licence_terms, card.licence_url) == ("CC0", "Do what you like.", None)
    assert card.sources[0].address == "http://127.0.0.1:9/toy"
    assert card.counts.triples == 5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "licence:",
            "license:",
            r"toy/dataset\.yaml: unknown key in the card 'license'\. Did you mean 'licence'",
        ),
        ("licence: CC0\n", "", "the card lacks the key 'licence'"),
        ("licence: CC0", "licence: 3", "licence must be a text, got 3"),
        ("train: 3", "train: -3", "counts.train must be a whole number of at least 1, got -3"),
        ("train: 3", "train: yes", "counts.train must be a whole number of at least 1, got True"),
        (", test: 1}", "}", "counts lacks the key 'test'"),
        ("relations: 1", "relation: 1", "unknown key in counts 'relation'. Did you mean 'relations'"),
        ("- folder:", "- foldr:", "unknown key in a source 'foldr'. Did you mean 'folder'"),
        ("http:", "ftp:", "a source has one http address, as archive or as folder, got"),
        ("/toy\n", "/toy\n    archive: http://x/y\n", "a source has one http address"),
        ("/toy\n", "/toy\n    checksum: md5:0\n", "checksum belongs to an archive"),
        ("- folder", "- checksum: md5:0\n    archive", "checksum must read sha256:<64 hex digits>"),
        (
            "checksums: none",
            "files: {trian: md5:0}\nchecksums: none",
            "unknown split in files 'trian'. Did you mean 'train'",
        ),
        ("checksums: none", "files: {train: 'md5:0'}\nchecksums: none", "files.train must read sha256:"),
        ("checksums: none", "reader: csv\nchecksums: none", "unknown reader 'csv'. .*Known: tsv, ogb"),
        ("sources:\n  - folder:", "sources:\n    folder:", "sources must be a list"),
    ],
)
def test_bad_card_is_refused_with_the_key(old: str, new: str, message: str, toy: Path) -> None:
    assert old in CARD
    toy.write_text(CARD.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        DatasetCard.load(toy)


def test_cache_is_the_users_cache_folder_when_nothing_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KGTUNER_CACHE")
    assert catalog.cache_folder().name == "kgtuner"


def test_an_ogb_folder_is_found_by_ogbs_own_name_for_it_and_its_counts_are_checked(
    toy: Path, tmp_path: Path, ogb_folders: dict[str, Path]
) -> None:
    card = CARD.replace("name: toy", "name: ogbl-wikikg2") + "reader: ogb\n"
    toy.write_text(card.replace("entities: 3", "entities: 150"))
    shared = tmp_path / "shared" / "ogbl_wikikg2"
    shutil.copytree(ogb_folders["ogbl-wikikg2"], shared)
    assert find_dataset(dataset_card("toy")) == shared
    with pytest.raises(
        DataError, match=r"is not the ogbl-wikikg2 its card describes: it has 12 relations instead"
    ):
        load_dataset("toy")
    whole = "{entities: 150, relations: 12, train: 1200, valid: 60, test: 80}"
    toy.write_text(card.replace("{entities: 3, relations: 1, train: 3, valid: 1, test: 1}", whole))
    assert load_dataset("toy").given["test"].count == 50
