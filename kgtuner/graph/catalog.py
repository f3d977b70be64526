"""The data sets KGTuner knows by name: where each is found, what its terms are, what it must contain.

    graph = load_dataset("wn18rr")

looks in the data that ships with KGTuner, in $KGTUNER_DATA/wn18rr, in the cache folder, and on the internet.
A new data set is one card, datasets/<name>/dataset.yaml, and one line in `DATASETS`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, cast

from kgtuner.config import read_yaml
from kgtuner.errors import ConfigError, DataError
from kgtuner.graph.download import Source, fetch, fetch_folder
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.graph.leak_policy import LeakPolicy
from kgtuner.graph.ogb.layout import is_ogb_folder
from kgtuner.graph.reading import SUFFIXES
from kgtuner.registry import lookup, unknown
from kgtuner.shipped import shipped_folder
from kgtuner.types import SPLITS, Split

log = logging.getLogger(__name__)

DATASETS: dict[str, str] = {  # the card, below the folder that `cards_folder` finds
    "world": "world/dataset.yaml",
    "wn18rr": "wn18rr/dataset.yaml",
    "fb15k-237": "fb15k-237/dataset.yaml",
    "umls": "umls/dataset.yaml",
    "kinships": "kinships/dataset.yaml",
    "nations": "nations/dataset.yaml",
    "codex-s": "codex-s/dataset.yaml",
    "codex-m": "codex-m/dataset.yaml",
    "codex-l": "codex-l/dataset.yaml",
    "yago3-10": "yago3-10/dataset.yaml",
    "ogbl-biokg": "ogbl-biokg/dataset.yaml",
    "ogbl-wikikg2": "ogbl-wikikg2/dataset.yaml",
}

BINARY_FROM_TRIPLES = 50_000  # below, reading the text is as fast as the binary copy
BYTES_PER_TRIPLE, BYTES_BESIDE = 256, 16_000_000  # a download's limit; real ones have 25 to 75
BYTES_PER_RANKED = 16_000  # more for a triple with given false answers: 1,000 of them in 8 bytes

CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a data set contains; entities and relations over all splits."""

    entities: int
    relations: int
    train: int
    valid: int
    test: int

    @property
    def triples(self) -> int:
        return self.train + self.valid + self.test


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """One data set: its origin, its terms, its size. Field names are the YAML names."""

    name: str
    title: str
    description: str
    citation: str
    licence: str
    counts: Counts
    counts_source: str  # who says so
    checksums: str  # which checksums there are, and whose they are
    licence_url: str | None = None
    licence_terms: str | None = None
    reader: Literal["tsv", "ogb"] = "tsv"
    sources: tuple[Source, ...] = ()  # none: it ships with KGTuner
    files: Mapping[Split, str] = field(default_factory=dict)  # checksums, with LF line ends

    @classmethod
    def load(cls, path: str | Path) -> DatasetCard:
        """Read a card, refusing anything that is not known.

        Raises:
            ConfigError: for an unknown or a missing key, or a value of the wrong kind.
        """
        values = read_yaml(path)
        try:
            _check_keys(cls, values, "the card")
            values["counts"] = _counts(values["counts"])
            values["sources"] = tuple(_source(source) for source in _list(values.get("sources", [])))
            values["files"] = _checksums(values.get("files", {}), "files")
            for name in (f.name for f in fields(cls) if f.name not in ("counts", "sources", "files")):
                if name in values and not isinstance(values[name], str):
                    raise ConfigError(f"{name} must be a text, got {values[name]!r}")
            if values.get("reader", "tsv") not in ("tsv", "ogb"):
                raise ConfigError(unknown("reader", values["reader"], ("tsv", "ogb")))
            return cls(**values)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None


def dataset_card(name: str) -> DatasetCard:
    """The card of a data set.

    Raises:
        ConfigError: `unknown data set 'wn18r'. Did you mean 'wn18rr'? Known: …`.
    """
    return DatasetCard.load(cards_folder() / lookup("data set", name, DATASETS))


def cards_folder() -> Path:
    """Where the cards are, one folder per data set."""
    return shipped_folder("datasets")


def cache_folder() -> Path:
    """Where downloads and binary copies are kept: $KGTUNER_CACHE, else the user's cache folder."""
    if chosen := os.environ.get("KGTUNER_CACHE"):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("kgtuner"))


def load_dataset(name: str, *, seed: int = 0, download: bool = True) -> KnowledgeGraph:
    """A data set by its name, see `DATASETS`; downloaded into the cache folder where it is not there yet.

    Args:
        seed: as in `KnowledgeGraph.from_tsv`; a data set that has its splits does not depend on it.
        download: False to use only what is on this machine.

    Raises:
        ConfigError: if there is no such data set.
        DataError: if it is nowhere to be had, or is not what its card says.
    """
    card = dataset_card(name)
    folder = find_dataset(card) or _download(card, allowed=download)
    graph = _read(folder, card, seed)
    _check_counts(graph, card, folder)
    return graph


def resolve_graph(
    spec: str,
    *,
    seed: int = 0,
    leaks: LeakPolicy = "warn",
    on_note: Callable[[str], None] = log.warning,
) -> KnowledgeGraph:
    """A graph by what a user types: the name of a data set, or the path of a folder or a file.

    A folder in OGB's layout is read as such; other formats are those of `KnowledgeGraph.from_path`, `leaks` is
    what to do about them when a file is split, and `on_note` is told what was found.
    A name wins over a folder of the same name, which `./name` reaches.

    Raises:
        ConfigError: if it is neither; the nearest data set is named.
        DataError: if it looks like a path and nothing is there, or the graph is bad.
    """
    if spec in DATASETS:
        return load_dataset(spec, seed=seed)
    path = Path(spec).expanduser()
    if path.is_dir() and is_ogb_folder(path):
        return _load_ogb(path, path.resolve().name)
    if path.exists():
        return KnowledgeGraph.from_path(path, seed=seed, leaks=leaks, on_note=on_note)
    if path.suffix or os.sep in spec:
        raise DataError(
            f"no such file or folder: {spec}; expected one, or a data set ({', '.join(DATASETS)})"
        )
    raise ConfigError(
        f"{unknown('data set', spec, DATASETS)}; there is no file or folder of that name either"
    )


def find_dataset(card: DatasetCard) -> Path | None:
    """The folder on this machine that has all three splits; the first of `_places`."""
    if card.reader == "ogb":
        return next((folder for folder in _places(card) if is_ogb_folder(folder)), None)
    return next((folder for folder in _places(card) if _split_files(folder) is not None), None)


def _places(card: DatasetCard) -> list[Path]:
    roots = [cards_folder()]
    if shared := os.environ.get("KGTUNER_DATA"):
        roots.append(Path(shared).expanduser())
    roots.append(cache_folder() / "datasets")
    # OGB itself calls the folder of ogbl-biokg ogbl_biokg.
    names = dict.fromkeys([card.name.replace("-", "_"), card.name] if card.reader == "ogb" else [card.name])
    return [root / name for root in roots for name in names]


def _split_files(folder: Path) -> list[Path] | None:
    files = []
    for split in SPLITS:
        found = next((path for suffix in SUFFIXES if (path := folder / (split + suffix)).is_file()), None)
        if found is None:
            return None
        files.append(found)
    return files


def _download(card: DatasetCard, *, allowed: bool) -> Path:
    target = cache_folder() / "datasets" / card.name
    reason = "downloading is switched off"
    if allowed:
        limit = card.counts.triples * BYTES_PER_TRIPLE + BYTES_BESIDE
        if card.reader == "ogb":
            limit += (card.counts.valid + card.counts.test) * BYTES_PER_RANKED
        try:
            if card.reader == "ogb":
                target = target.with_name(card.name.replace("-", "_"))
                fetch_folder(card.name, card.sources[0], target, max_bytes=limit)
            else:
                fetch(card.name, card.sources, target, files=card.files, max_bytes=limit)
            return target
        except DataError as error:
            reason = f"downloading failed ({error})"
    looked = ", ".join(str(place) for place in _places(card))
    files = "train.txt, valid.txt and test.txt (or .txt.gz)"
    if card.reader == "ogb":
        files = "the folder that OGB's zip file unpacks to, with split/, raw/ and mapping/,"
        target = target.with_name(card.name.replace("-", "_"))
    shared = "" if os.environ.get("KGTUNER_DATA") else " (KGTUNER_DATA is not set)"
    raise DataError(
        f"{card.name} is not on this machine: looked in {looked}{shared}, and {reason}; "
        f"put {files} into {target} or into $KGTUNER_DATA/{target.name}"
    )


def _read(folder: Path, card: DatasetCard, seed: int) -> KnowledgeGraph:
    """The graph from its binary copy in the cache, memory-mapped, or from the text, leaving such a copy."""
    if card.reader == "ogb":
        return _load_ogb(folder, card.name)
    if card.counts.triples < BINARY_FROM_TRIPLES:
        return KnowledgeGraph.from_tsv(folder, name=card.name, seed=seed)
    binary = cache_folder() / "binary" / f"{card.name}-{_fingerprint(folder)}"
    if binary.is_dir():
        with suppress(DataError):  # damaged, or of another version: made anew below
            return KnowledgeGraph.load(binary)
    graph = KnowledgeGraph.from_tsv(folder, name=card.name, seed=seed)
    with suppress(OSError, DataError):  # a read-only or full disk costs the copy, not the graph
        _write_binary(graph, binary)
    return graph


def _load_ogb(folder: Path, name: str) -> KnowledgeGraph:
    from kgtuner.graph.ogb.conversion import load_ogb

    return load_ogb(folder, name, cache_folder() / "binary")


def _write_binary(graph: KnowledgeGraph, binary: Path) -> None:
    binary.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=binary.parent, prefix=".new-") as scratch:
        fresh = Path(scratch, "graph")
        graph.save(fresh)
        if binary.is_dir():
            shutil.rmtree(binary)
        fresh.rename(binary)


def _fingerprint(folder: Path) -> str:
    """Changes when one of the files does: a hash of their places, sizes and times, not of their content."""
    files = cast(list[Path], _split_files(folder))
    state = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]


def _check_counts(graph: KnowledgeGraph, card: DatasetCard, folder: Path) -> None:
    given = Counts(
        entities=graph.n_entities,
        relations=graph.n_relations,
        train=len(graph.train),
        valid=len(graph.valid),
        test=len(graph.test),
    )
    wrong = [
        f"{getattr(given, f.name):,} {f.name} instead of {getattr(card.counts, f.name):,}"
        for f in fields(Counts)
        if getattr(given, f.name) != getattr(card.counts, f.name)
    ]
    if wrong:
        raise DataError(f"{folder} is not the {card.name} its card describes: it has {', '.join(wrong)}")


def _check_keys(kind: type, values: Any, what: str) -> None:
    known = [f.name for f in fields(kind)]
    if not isinstance(values, Mapping):
        raise ConfigError(f"{what} must be a mapping, got {values!r}")
    for key in values:
        if key not in known:
            raise ConfigError(unknown(f"key in {what}", key, known))
    for f in fields(kind):
        if f.name not in values and f.default is MISSING and f.default_factory is MISSING:
            raise ConfigError(f"{what} lacks the key {f.name!r}")


def _counts(values: Any) -> Counts:
    _check_keys(Counts, values, "counts")
    for name in (f.name for f in fields(Counts)):
        value = values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(f"counts.{name} must be a whole number of at least 1, got {value!r}")
    return Counts(**values)


def _source(values: Any) -> Source:
    _check_keys(Source, values, "a source")
    given = [values[key] for key in ("archive", "folder") if key in values]
    if len(given) != 1 or not re.match(r"https?://[^/]+/", str(given[0])):
        raise ConfigError(f"a source has one http address, as archive or as folder, got {given}")
    if "checksum" in values:
        if "archive" not in values:
            raise ConfigError("checksum belongs to an archive; those of files go under members")
        _check_checksum(values["checksum"], "checksum")
    return Source(**{**values, "members": _checksums(values.get("members", {}), "members")})


def _checksums(values: Any, what: str) -> dict[Split, str]:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{what} must be a mapping of splits to checksums, got {values!r}")
    for split, checksum in values.items():
        if split not in SPLITS:
            raise ConfigError(unknown(f"split in {what}", split, SPLITS))
        _check_checksum(checksum, f"{what}.{split}")
    return dict(values)


def _check_checksum(value: Any, what: str) -> None:
    if not isinstance(value, str) or not CHECKSUM.fullmatch(value):
        raise ConfigError(f"{what} must read sha256:<64 hex digits> or md5:<32 hex digits>, got {value!r}")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigError(f"sources must be a list, got {value!r}")
    return value
