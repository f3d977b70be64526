"""A folder for the Hugging Face Hub: it says what the model is, and gives the same model back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import kgtuner as kt
from kgtuner.errors import RunError
from kgtuner.exchange.huggingface import HUB_LICENCES, card_of, licence_fields, load_exported
from kgtuner.graph.catalog import DATASETS, dataset_card
from kgtuner.tuning.loading import load_predictor
from tests.unit.exchange.conftest import small_graph


@pytest.fixture
def folder(run_of: Callable[..., Path], tmp_path: Path) -> Path:
    kt.export(run_of("tucker", relation_dimension=3), to="huggingface", output=tmp_path / "out")
    return tmp_path / "out"


def test_loaded_model_scores_as_the_run(folder: Path, run_of: Callable[..., Path]) -> None:
    ours = load_predictor(run_of("tucker", relation_dimension=3))
    theirs = load_exported(folder)
    triples = [("New York", "next to", "tab\there"), ("\x1b[2J", "`skip`", "k")]
    assert theirs.score(triples) == ours.score(triples)
    assert list(theirs.graph.entities) == list(ours.graph.entities)
    assert len(theirs.predict_tails("line\nbreak", "next to", k=3)) == 3


def test_card_has_a_header_that_parses_and_the_metrics(folder: Path, run_of: Callable[..., Path]) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(text.split("---\n")[1])
    result = header["model-index"][0]["results"][0]
    expected = kt.evaluate(run_of("tucker", relation_dimension=3)).overall
    assert header["library_name"] == "kgtuner"
    assert result["dataset"]["name"] == "toy"
    assert [m["type"] for m in result["metrics"]] == ["mrr", "hits_at_1", "hits_at_3", "hits_at_10"]
    assert result["metrics"][0]["value"] == pytest.approx(expected.mrr, abs=1e-6)
    assert "KGTuner does not know the licence of this graph" in text


def test_hostile_names_do_not_leave_their_place(tmp_path: Path) -> None:
    from tests.unit.exchange.conftest import make_run

    name = "x\n---\nlicense: mit <script>"
    make_run(tmp_path / "run", {"name": "distmult"}, small_graph(name))
    kt.export(tmp_path / "run", to="huggingface", output=tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    header, _, body = text.removeprefix("---\n").partition("\n---\n")
    assert yaml.safe_load(header)["license"] == "unknown"
    assert "<script>" not in body
    assert text.count("```") == 4  # two blocks, whatever the names are


def test_licence_comes_from_the_card_of_a_data_set_of_that_name_and_size() -> None:
    world = kt.load_dataset("world")
    card = card_of(world)
    assert card is not None
    assert "CC BY 4.0" in card.licence
    assert card_of(small_graph("world")) is None  # somebody's own graph of the same name


def test_damaged_folders_are_one_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not an exported model: config.json is missing"):
        load_exported(tmp_path)
    about = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**about, "n_entities": 13}))
    with pytest.raises(RunError, match="its names are not as many as config.json says"):
        load_exported(folder)
    (folder / "config.json").write_text(json.dumps({**about, "configuration": {"model": "dismult"}}))
    with pytest.raises(RunError, match="is damaged"):
        load_exported(folder)
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(RunError, match="is damaged"):
        load_exported(folder)


@pytest.mark.parametrize("dimension", [10, 10**12, 10**18])
def test_configuration_of_another_size_is_refused_before_memory_is_asked_for(
    folder: Path, dimension: int
) -> None:
    about = json.loads((folder / "config.json").read_text())
    about["configuration"]["model"]["dimension"] = dimension
    (folder / "config.json").write_text(json.dumps(about))
    with pytest.raises(RunError, match=r"does not fit the configuration in config.json|too large") as caught:
        load_exported(folder)
    assert "\n" not in str(caught.value)


def test_licence_is_one_that_the_hub_knows_or_other_with_its_name() -> None:
    assert licence_fields(dataset_card("codex-s")) == {"license": "mit"}
    assert licence_fields(dataset_card("ogbl-biokg")) == {"license": "cc0-1.0"}
    wordnet = licence_fields(dataset_card("wn18rr"))
    assert wordnet["license"] == "other"
    assert wordnet["license_name"] == "WordNet 3.0 licence (Princeton University)"
    assert wordnet["license_link"].startswith("https://wordnet.princeton.edu/")
    for name in DATASETS:
        fields = licence_fields(dataset_card(name))
        assert fields["license"] in HUB_LICENCES or fields["license_name"]
    assert licence_fields(None) == {"license": "unknown"}
