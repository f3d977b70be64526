"""Embeddings come out with their names, and come back as they were."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import kgtuner as kt
from kgtuner.errors import DataError
from kgtuner.exchange.embeddings import write_npz
from kgtuner.exchange.names import decoded
from kgtuner.exchange.tables import Table
from kgtuner.tuning.loading import load_predictor

OWN = {"inverse_relations": "independent"}


def test_npz_loads_without_pickle_and_holds_the_models_numbers(
    run_of: Callable[..., Path], tmp_path: Path
) -> None:
    run = run_of("complex", **OWN)
    kt.export(run, to="npz", output=tmp_path / "out")
    predictor = load_predictor(run)
    with np.load(tmp_path / "out" / "embeddings.npz", allow_pickle=False) as arrays:
        assert arrays["entity_names"].tolist() == list(predictor.graph.entities)
        assert arrays["relation_names"].tolist() == ["next to", "`skip`"]
        np.testing.assert_array_equal(arrays["entities"], predictor.model.entities.numpy())
        both = np.concatenate([arrays["relations"], arrays["inverse_relations"]])
        np.testing.assert_array_equal(both, predictor.model.relations.numpy())


def test_npz_refuses_names_that_it_would_change(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ends with a NUL, which npz would drop; use parquet"):
        write_npz(tmp_path, [Table("entities", ["a\0"], np.zeros((1, 2), np.float32))])


def test_parquet_holds_any_name(run_of: Callable[..., Path], tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is optional")
    run = run_of("distmult")
    result = kt.export(run, to="parquet", output=tmp_path / "out")
    assert set(result.files) == {"entities.parquet", "relations.parquet", "README.md"}
    predictor = load_predictor(run)
    table = pq.read_table(tmp_path / "out" / "entities.parquet")
    assert table["name"].to_pylist() == list(predictor.graph.entities)
    np.testing.assert_array_equal(
        np.array(table["embedding"].to_pylist(), np.float32), predictor.model.entities
    )


def test_word2vec_text_is_a_word_and_its_numbers_on_each_line(
    run_of: Callable[..., Path], tmp_path: Path
) -> None:
    run = run_of("distmult")
    kt.export(run, to="word2vec", output=tmp_path / "out")
    predictor = load_predictor(run)
    lines = (tmp_path / "out" / "entities.txt").read_text(encoding="utf-8").split("\n")
    assert lines[0] == "12 8"
    assert lines[-1] == ""
    rows = [line.split(" ") for line in lines[1:-1]]
    assert [decoded(row[0]) for row in rows] == list(predictor.graph.entities)
    numbers = np.array([row[1:] for row in rows], dtype=np.float32)
    np.testing.assert_array_equal(numbers, predictor.model.entities.numpy())


def test_relations_of_rotate_are_angles(run_of: Callable[..., Path], tmp_path: Path) -> None:
    run = run_of("rotate", initializer_scale=0.25)
    kt.export(run, to="npz", output=tmp_path / "out")
    model = load_predictor(run).model
    with np.load(tmp_path / "out" / "embeddings.npz") as arrays:
        np.testing.assert_allclose(arrays["relations"], model.relations.numpy() * math.pi / 0.25, rtol=1e-6)
    assert "4 angles in radians" in (tmp_path / "out" / "README.md").read_text()
