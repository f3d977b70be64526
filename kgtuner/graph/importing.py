"""A graph as a folder that everything else reads: train, valid and test as text, and a card that describes them."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from kgtuner.errors import DataError, RunError
from kgtuner.files import reason
from kgtuner.graph.catalog import Counts
from kgtuner.graph.columns import Columns
from kgtuner.graph.formats import without_suffix
from kgtuner.graph.knowledge_graph import HELD_OUT, KnowledgeGraph
from kgtuner.graph.leak_policy import LeakPolicy
from kgtuner.graph.rdf import Literals
from kgtuner.types import SPLITS

CARD = "dataset.yaml"
BREAKING = re.compile(r"[\t\r\n]+")  # what would end a field or a line
ROWS = 100_000  # triples that are written together


@dataclass(frozen=True)
class Imported:
    """What `import_graph` wrote, and what it has to say about it."""

    folder: Path
    counts: Counts
    notes: tuple[str, ...]


def import_graph(
    path: str | Path,
    output: str | Path,
    *,
    columns: Columns = None,
    literals: Literals = "drop",
    leaks: LeakPolicy = "warn",
    valid: float = HELD_OUT,
    test: float = HELD_OUT,
    seed: int = 0,
    licence: str | None = None,
) -> Imported:
    """Read a file or a folder in any format and write `output`: train.tsv, valid.tsv, test.tsv, dataset.yaml.

    Args:
        path, columns, literals, leaks, valid, test, seed: as in `KnowledgeGraph.from_path`.
        output: a folder that is not there yet, or is empty; it appears as a whole or not at all.
        licence: under which the data may be used, for the card.

    Raises:
        DataError: if the data is wrong, or a name cannot be written as text.
        RunError: if `output` is taken or cannot be written.
    """
    source, folder = Path(path), Path(output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} exists and is not an empty folder: choose another")
    notes: list[str] = []
    graph = KnowledgeGraph.from_path(
        source,
        columns=columns,
        literals=literals,
        leaks=leaks,
        valid=valid,
        test=test,
        seed=seed,
        on_note=notes.append,
    )
    entities = _one_line_names(graph.entities, "entity", notes)
    relations = _one_line_names(graph.relations, "relation", notes)
    counts = Counts(
        entities=graph.n_entities,
        relations=graph.n_relations,
        train=len(graph.train),
        valid=len(graph.valid),
        test=len(graph.test),
    )
    name = without_suffix(source.resolve().name)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as workplace:
            fresh = Path(workplace, "new")
            fresh.mkdir()
            for split in SPLITS:
                _write_split(graph, split, entities, relations, fresh / f"{split}.tsv")
            made = f"seed {seed}, leaks {leaks}" if source.is_file() else "splits as given"
            card = _card(name, source.name, made, counts, notes, licence, fresh)
            (fresh / CARD).write_text(card, encoding="utf-8")
            os.replace(fresh, folder)
    except OSError as error:
        raise RunError(f"cannot write {folder}: {reason(error)}") from error
    return Imported(folder, counts, tuple(notes))


def _write_split(
    graph: KnowledgeGraph, split: str, entities: Sequence[str], relations: Sequence[str], path: Path
) -> None:
    triples = graph.split(split)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for start in range(0, len(triples), ROWS):
            file.writelines(
                f"{entities[h]}\t{relations[r]}\t{entities[t]}\n"
                for h, r, t in triples[start : start + ROWS].tolist()
            )


def _one_line_names(names: Sequence[str], what: str, notes: list[str]) -> Sequence[str]:
    """The names with a space for each run of tabs and line ends, which text of one triple a line cannot hold."""
    broken = [name for name in names if BREAKING.search(name)]
    if not broken:
        return names
    mended = [BREAKING.sub(" ", name) for name in names]
    if len(set(mended)) < len(mended):
        taken = set(names)
        twice = next((name for name in broken if BREAKING.sub(" ", name) in taken), broken[0])
        raise DataError(
            f"the {what} name {twice!r} has a tab or a line end, and another is the same without it: rename one"
        )
    number = f"{len(broken):,} {what} name{'s' if len(broken) != 1 else ''}"
    notes.append(f"wrote a space for the tabs and line ends in {number}, for example {broken[0]!r}")
    return mended


def _card(
    name: str, file: str, made: str, counts: Counts, notes: Sequence[str], licence: str | None, folder: Path
) -> str:
    """A card of the form of `catalog.DatasetCard`."""
    files = {split: f"sha256:{_sha256(folder / f'{split}.tsv')}" for split in SPLITS}
    described = f"Imported from {file} by kgtuner datasets import ({made})."
    card = {
        "name": name,
        "title": name,
        "description": " ".join([described, *(f"Note: {note}." for note in notes)]),
        "citation": "not stated",
        "licence": licence or "not stated",
        "counts": asdict(counts),
        "counts_source": "counted when imported",
        "checksums": "SHA-256 of the three files, computed when imported",
        "files": files,
    }
    return yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=100)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
