"""Which file is read how: by the ending of its name. One file, or a folder with train, valid and test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from kgtuner.errors import ConfigError, DataError
from kgtuner.graph.columns import Columns
from kgtuner.graph.rdf import Literals, read_ntriples, read_turtle
from kgtuner.graph.reading import SUFFIXES, Vocabulary
from kgtuner.graph.tabular import read_csv, read_parquet, read_tsv
from kgtuner.registry import unknown
from kgtuner.types import SPLITS, Split, Triples

TABLES: dict[str, Callable[..., Triples]] = {
    ".txt": read_tsv,
    ".tsv": read_tsv,
    ".csv": read_csv,
    ".parquet": read_parquet,
}
RDF: dict[str, Callable[..., Triples]] = {".nt": read_ntriples, ".ttl": read_turtle}

FORMATS: dict[str, Callable[..., Triples]] = {**TABLES, **RDF}
"""Endings, each of which may have .gz behind it. A file with another ending is read as .tsv."""

KNOWN = ", ".join(FORMATS)


@dataclass(frozen=True)
class Reading:
    """How to read files, and where to say what was left out."""

    columns: Columns = None  # of tables
    literals: Literals = "drop"  # of RDF
    on_note: Callable[[str], None] = lambda message: None

    def __post_init__(self) -> None:
        if self.literals not in get_args(Literals):
            raise ConfigError(unknown("way to treat literals", self.literals, get_args(Literals)))


def read_path(
    path: Path, reading: Reading | None = None
) -> tuple[tuple[str, ...], tuple[str, ...], dict[Split, Triples]]:
    """Entity names, relation names and the splits that are there; a single file is all train.

    Raises:
        DataError: with the file and line of what is wrong.
    """
    reading = reading or Reading()
    entities, relations = Vocabulary(), Vocabulary()
    if path.is_dir():
        splits = read_folder(path, entities, relations, reading)
    elif path.is_file():
        splits = {"train": read(path, entities, relations, reading)}
    else:
        raise DataError(f"no graph at {path}: expected a folder with train, valid and test, or one file")
    return tuple(entities), tuple(relations), splits


def read(path: Path, entities: Vocabulary, relations: Vocabulary, reading: Reading) -> Triples:
    """(n, 3) triples of one file; new names are added to the vocabularies in order of appearance."""
    suffix = _suffix(path.name)
    options: dict[str, Any] = {}
    if suffix in RDF:
        if reading.columns is not None:
            raise DataError(
                f"{path.name} has no columns to choose from: RDF says itself what is head and tail"
            )
        options = {"literals": reading.literals, "on_note": reading.on_note}
    elif reading.columns is not None:
        options = {"columns": reading.columns}
    if suffix is not None:
        return FORMATS[suffix](path, entities, relations, **options)
    try:
        return read_tsv(path, entities, relations, **options)
    except DataError as error:
        kind = f"the ending {path.suffix}" if path.suffix else "no ending"
        raise DataError(
            f"{error} (read as tab-separated text because of {kind}; known are {KNOWN}, each also with .gz)"
        ) from None


def read_folder(
    folder: Path, entities: Vocabulary, relations: Vocabulary, reading: Reading | None = None
) -> dict[Split, Triples]:
    """The splits that are there: train always, valid and test where they have a file.

    Raises:
        DataError: if there is no train, if one split has two files, or if a file is bad.
    """
    files = {split: _split_file(folder, split) for split in SPLITS}
    if files["train"] is None:
        raise DataError(
            f"no train split in {folder}: expected train.txt or train.tsv (or {KNOWN}, also with .gz) there, "
            "with valid and test beside it, or give a single file to have it split"
        )
    found: dict[Split, Triples] = {}
    for split, path in files.items():
        if path is None:
            continue
        if split != "train" and path.stat().st_size == 0:
            raise DataError(
                f"the {split} split is empty: {path} has no triple; add some, or give all triples as "
                "a single file to have it split"
            )
        found[split] = read(path, entities, relations, reading or Reading())
    return found


def without_suffix(file_name: str) -> str:
    """`facts.tsv.gz` -> `facts`; a name without a known suffix stays as it is."""
    suffix = _suffix(file_name)
    if suffix is None:
        return file_name
    plain = file_name[: -len(".gz")] if file_name.lower().endswith(".gz") else file_name
    return plain[: -len(suffix)] or file_name


def _suffix(file_name: str) -> str | None:
    """The ending of `FORMATS` that a file has, with .gz or without."""
    name = file_name.lower().removesuffix(".gz")
    return next((suffix for suffix in FORMATS if name.endswith(suffix)), None)


def _split_file(folder: Path, split: Split) -> Path | None:
    plain = [*SUFFIXES, *(f"{suffix}{packed}" for suffix in FORMATS for packed in ("", ".gz"))]
    files = [folder / (split + suffix) for suffix in dict.fromkeys(plain)]
    files = [file for file in files if file.is_file()]
    if len(files) > 1:
        raise DataError(f"two files for the {split} split, {files[0].name} and {files[1].name}: keep one")
    return files[0] if files else None
