"""Every card below datasets/ is in the table, loads, and says what a user has to know."""

from __future__ import annotations

import re

import pytest

from kgtuner.graph.catalog import DATASETS, cards_folder, dataset_card
from kgtuner.types import SPLITS


def test_table_lists_exactly_the_cards_that_are_there() -> None:
    cards = {
        str(path.relative_to(cards_folder()).as_posix()) for path in cards_folder().glob("*/dataset.yaml")
    }
    assert set(DATASETS.values()) == cards
    assert len(DATASETS) == 12


@pytest.mark.parametrize("name", DATASETS)
def test_card_is_complete(name: str) -> None:
    card = dataset_card(name)
    assert card.name == name
    assert DATASETS[name] == f"{name}/dataset.yaml"
    for text in (
        card.title,
        card.description,
        card.citation,
        card.licence,
        card.counts_source,
        card.checksums,
    ):
        assert text.strip()
    assert card.licence_url or card.licence_terms


@pytest.mark.parametrize("name", DATASETS)
def test_data_set_ships_or_can_be_downloaded(name: str) -> None:
    card = dataset_card(name)
    ships = all((cards_folder() / name / f"{split}.txt").is_file() for split in SPLITS)
    assert ships == (name == "world")
    assert ships != bool(card.sources)


@pytest.mark.parametrize(
    "name", [name for name in DATASETS if name not in ("codex-l", "ogbl-biokg", "ogbl-wikikg2")]
)
def test_first_download_is_verified(name: str) -> None:
    """Where a checksum is known, the address tried first is held to it (nobody publishes others)."""
    card = dataset_card(name)
    first = card.sources[0] if card.sources else None
    assert card.files or (first and (first.checksum or first.members))


@pytest.mark.parametrize("name", DATASETS)
def test_fallback_addresses_differ(name: str) -> None:
    addresses = [source.address for source in dataset_card(name).sources]
    assert len(set(addresses)) == len(addresses)
    assert all(re.fullmatch(r"https?://\S+", address) for address in addresses)
