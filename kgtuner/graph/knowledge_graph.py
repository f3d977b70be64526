"""The graph that everything else works on: three splits of integer triples and the names behind the ids."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kgtuner.errors import DataError
from kgtuner.graph.columns import Columns
from kgtuner.graph.entity_types import EntityTypes
from kgtuner.graph.formats import Reading, read_path, without_suffix
from kgtuner.graph.given_negatives import GivenNegatives
from kgtuner.graph.known_answers import KnownAnswers
from kgtuner.graph.leak_policy import LeakPolicy, split_by_policy
from kgtuner.graph.names import fingerprint_of
from kgtuner.graph.rdf import Literals
from kgtuner.types import SPLITS, IntArray, Split, Triples

if TYPE_CHECKING:
    from kgtuner.graph.audit import Finding
    from kgtuner.graph.statistics import GraphStatistics

HELD_OUT = 0.1  # share of the triples that a missing valid or test split gets
SEARCHED_NAMES = 200_000  # in a larger vocabulary the search for a similar name would take many seconds

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class KnowledgeGraph:
    """Entities, relations and the triples of train, valid and test. Nothing in it changes.

    Entities and relations are counted over all three splits. The arrays are read-only; one that the
    caller could still write to is copied.

    A graph with `types` gets negatives of the right type and answers of the right type. One with `given` false
    answers for a split is ranked among these, by the rule of its data set, and not among all entities.
    """

    name: str
    entities: Sequence[str]  # names in id order
    relations: Sequence[str]  # names in id order
    train: Triples
    valid: Triples
    test: Triples
    types: EntityTypes | None = None
    given: Mapping[Split, GivenNegatives] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for split in SPLITS:
            triples = _frozen(getattr(self, split), f"the {split} triples of {self.name}")
            _check_ids(triples, self.n_entities, self.n_relations, f"the {split} triples of {self.name}")
            object.__setattr__(self, split, triples)
        if self.types is not None and len(self.types.of_entity) != self.n_entities:
            raise DataError(
                f"{self.name} has {len(self.types.of_entity)} types for {self.n_entities} entities, "
                "expected one for each"
            )
        for split, negatives in self.given.items():
            if len(negatives) != len(self.split(split)):
                raise DataError(
                    f"{self.name} has {len(negatives)} rows of given negatives for {len(self.split(split))} "
                    f"{split} triples, expected one for each"
                )

    def __reduce__(self) -> tuple[Any, ...]:
        # What is cached is cheaper to compute again than to send to another process.
        splits = (self.train, self.valid, self.test)
        return KnowledgeGraph, (
            self.name,
            self.entities,
            self.relations,
            *splits,
            self.types,
            dict(self.given),
        )

    def __repr__(self) -> str:
        return (
            f"KnowledgeGraph({self.name!r}, {self.n_entities:,} entities, {self.n_relations:,} relations, "
            f"{len(self.train):,} / {len(self.valid):,} / {len(self.test):,} triples)"
        )

    def _repr_html_(self) -> str:
        from html import escape

        counts = {"entities": self.n_entities, "relations": self.n_relations}
        counts |= {f"{split} triples": len(self.split(split)) for split in SPLITS}
        rows = "".join(f"<tr><th>{name}</th><td>{count:,}</td></tr>" for name, count in counts.items())
        return f"<p><b>{escape(self.name)}</b></p><table><tbody>{rows}</tbody></table>"

    # ------------------------------------------------------------------ where graphs come from

    @classmethod
    def from_path(
        cls,
        path: str | Path,
        *,
        columns: Columns = None,
        literals: Literals = "drop",
        leaks: LeakPolicy = "warn",
        valid: float = HELD_OUT,
        test: float = HELD_OUT,
        name: str | None = None,
        seed: int = 0,
        on_note: Callable[[str], None] = log.warning,
    ) -> KnowledgeGraph:
        """Read a folder with train, valid and test, or one file to be split; the format by the file's ending.

        Tab-separated text (.tsv, .txt), CSV, Parquet, N-Triples (.nt) and Turtle (.ttl), each also with .gz.

        Args:
            path: the folder or the file.
            columns: head, relation and tail of a table by the names of their columns, or by position from 1
                in one without a header; by default the names of `columns.HEADERS` are recognised.
            literals: "keep" makes the texts and numbers of RDF entities, "drop" leaves their triples out.
            leaks: how to split off what is missing when relations copy each other, see `leak_policy`.
            valid: share of the triples for a valid split that is not there.
            test: the same for test.
            name: what to call the graph; by default the name of the folder or file.
            seed: of the split, when valid or test has to be split off.
            on_note: told what was left out, and what is odd about the split.

        Raises:
            ConfigError: for an unknown value of `literals` or `leaks`.
            DataError: with the file and line of what is wrong.
        """
        path = Path(path)
        entities, relations, splits = read_path(path, Reading(columns, literals, on_note))
        folder_or_file = path.resolve().name
        own_name = folder_or_file if path.is_dir() else without_suffix(folder_or_file)
        shares = {"valid": valid, "test": test}
        name = name or own_name
        return cls._build(
            name, entities, relations, splits, seed, leaks=leaks, shares=shares, on_note=on_note
        )

    @classmethod
    def from_tsv(cls, path: str | Path, *, name: str | None = None, seed: int = 0) -> KnowledgeGraph:
        """Read a folder with train, valid and test (.txt or .tsv, also gzipped), or one file to be split.

        The other formats of `from_path` are read as well.

        Args:
            path: the folder or the file; lines are head<TAB>relation<TAB>tail.
            name: what to call the graph; by default the name of the folder or file.
            seed: of the split, when valid or test has to be split off.

        Raises:
            DataError: with the file and line of what is wrong.
        """
        return cls.from_path(path, name=name, seed=seed)

    @classmethod
    def from_arrays(
        cls,
        train: npt.ArrayLike,
        valid: npt.ArrayLike | None = None,
        test: npt.ArrayLike | None = None,
        entities: Sequence[str] | None = None,
        relations: Sequence[str] | None = None,
        name: str = "graph",
        seed: int = 0,
        leaks: LeakPolicy = "warn",
    ) -> KnowledgeGraph:
        """Take (n, 3) whole numbers head, relation, tail. Without names the ids are the names.

        What is missing of valid and test is split off as in `from_path`, also in the two functions below.
        """
        given = {"train": train, "valid": valid, "test": test}
        splits: dict[Split, Triples] = {
            split: _frozen(given[split], f"the {split} triples")
            for split in SPLITS
            if given[split] is not None
        }
        largest = np.max([t.max(axis=0, initial=-1) for t in splits.values()], axis=0)
        if entities is None:
            entities = tuple(str(i) for i in range(max(largest[0], largest[2]) + 1))
        if relations is None:
            relations = tuple(str(i) for i in range(largest[1] + 1))
        _check_unique(entities, "entity")
        _check_unique(relations, "relation")
        return cls._build(name, entities, relations, splits, seed, leaks=leaks)

    @classmethod
    def from_dataframe(
        cls,
        frame: Any,
        *,
        valid: Any | None = None,
        test: Any | None = None,
        columns: Sequence[str] = ("head", "relation", "tail"),
        name: str = "graph",
        seed: int = 0,
        leaks: LeakPolicy = "warn",
    ) -> KnowledgeGraph:
        """Take pandas frames. Where `columns` are absent, the first three columns are head, relation, tail.

        Raises:
            DataError: for a missing value, too few columns, or two values with the same text (1 and "1").
        """
        from kgtuner.graph.frames import encode_frames

        frames: dict[Split, Any] = {"train": frame}
        if valid is not None:
            frames["valid"] = valid
        if test is not None:
            frames["test"] = test
        entities, relations, splits = encode_frames(frames, columns)
        return cls._build(name, entities, relations, splits, seed, leaks=leaks)

    @classmethod
    def from_networkx(
        cls,
        graph: Any,
        relation_attribute: str = "relation",
        *,
        name: str | None = None,
        seed: int = 0,
        leaks: LeakPolicy = "warn",
    ) -> KnowledgeGraph:
        """Take the edges of a directed networkx graph; the relation is an edge attribute.

        A node without edges has no triple and is not part of the graph.

        Raises:
            DataError: for an undirected graph, an edge without the attribute, or two nodes of one text.
        """
        from kgtuner.graph.frames import encode_edges

        entities, relations, triples = encode_edges(graph, relation_attribute)
        return cls._build(
            name or graph.name or "graph", entities, relations, {"train": triples}, seed, leaks=leaks
        )

    @classmethod
    def _build(
        cls,
        name: str,
        entities: Sequence[str],
        relations: Sequence[str],
        splits: dict[Split, Triples],
        seed: int,
        *,
        leaks: LeakPolicy = "warn",
        shares: Mapping[str, float] = MappingProxyType({"valid": HELD_OUT, "test": HELD_OUT}),
        on_note: Callable[[str], None] = log.warning,
    ) -> KnowledgeGraph:
        """Split off what is missing, and refuse what could not be trained or validated."""
        for split, triples in splits.items():
            if not len(triples):
                raise DataError(
                    f"the {split} split of {name} is empty: add triples to it, or give all triples as one "
                    "set to have it split"
                )
            _check_ids(triples, len(entities), len(relations), f"the {split} triples of {name}")
        _check_trainable(splits, relations)
        missing = [split for split in SPLITS if split not in splits]
        if missing:
            if leaks == "drop" and len(splits) > 1:
                raise DataError(
                    f"relations can be dropped from a single file only, and {name} has its {', '.join(splits)} splits"
                )
            wanted = {split: shares[split] if split in missing else 0.0 for split in ("valid", "test")}
            made = split_by_policy(splits["train"], relations, leaks, **wanted, seed=seed)
            for note in made.notes:
                on_note(f"{name}: {note}")
            entities, relations = made.names(entities, relations)
            splits = {**splits, **{split: made.splits[split] for split in ("train", *missing)}}
        for triples in splits.values():
            triples.setflags(write=False)
        return cls(name, entities, relations, splits["train"], splits["valid"], splits["test"])

    # ------------------------------------------------------------------ what is in it

    @property
    def n_entities(self) -> int:
        return len(self.entities)

    @property
    def n_relations(self) -> int:
        return len(self.relations)

    def split(self, name: str) -> Triples:
        """(n, 3) triples of train, valid or test."""
        if name not in SPLITS:
            raise DataError(f"unknown split {name!r}: expected one of {', '.join(SPLITS)}")
        triples: Triples = getattr(self, name)
        return triples

    def entity_id(self, name: str) -> int:
        """The id of an entity; DataError with the nearest name where there is none."""
        return _look_up("entity", name, self._entity_ids, self.name)

    def relation_id(self, name: str) -> int:
        """The id of a relation; DataError with the nearest name where there is none."""
        return _look_up("relation", name, self._relation_ids, self.name)

    @cached_property
    def _entity_ids(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.entities)}

    @cached_property
    def _relation_ids(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.relations)}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over sizes, names and triples in their order; the graph's own name does not count.

        Types, and the digests of given negatives, count where there are some.
        """
        extra = (
            [] if self.types is None else [repr(self.types.names).encode(), self.types.of_entity.tobytes()]
        )
        extra += [f"{split} {self.given[split].digest}".encode() for split in SPLITS if split in self.given]
        return fingerprint_of(self.entities, self.relations, (self.train, self.valid, self.test), extra)

    @cached_property
    def answer_types(self) -> IntArray | None:
        """(2 * n_relations,) the type of each directed relation's answers, see `EntityTypes.of_answers`."""
        return None if self.types is None else self.types.of_answers(self.train, self.n_relations)

    def known_answers(self, splits: Sequence[str] = SPLITS) -> KnownAnswers:
        """The right answers of every query in the given splits, computed once for each choice of splits."""
        chosen = tuple(split for split in SPLITS if split in splits)
        if unknown := set(splits) - set(SPLITS):
            raise DataError(f"unknown split {min(unknown)!r}: expected some of {', '.join(SPLITS)}")
        if chosen not in self._known_answers:
            parts = [self.split(split) for split in chosen]
            self._known_answers[chosen] = KnownAnswers.of_all(parts, self.n_entities, self.n_relations)
        return self._known_answers[chosen]

    @cached_property
    def _known_answers(self) -> dict[tuple[Split, ...], KnownAnswers]:
        return {}

    def statistics(self) -> GraphStatistics:
        """Sizes, degrees, relation categories, components."""
        from kgtuner.graph.statistics import statistics

        return statistics(self)

    def audit(self) -> tuple[Finding, ...]:
        """What a user should know about the data: repetitions, leaks, unseen entities, inverse copies."""
        from kgtuner.graph.audit import audit

        return audit(self)

    # ------------------------------------------------------------------ the binary form

    def save(self, folder: str | Path) -> None:
        """Write the graph as plain arrays, which `load` maps into memory instead of parsing text."""
        from kgtuner.graph.cache import save

        save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, *, verify: bool = True) -> KnowledgeGraph:
        """Open what `save` wrote; with `verify` the content is compared with its fingerprint.

        Raises:
            DataError: if the folder is missing, damaged or was not written by `save`.
        """
        from kgtuner.graph.cache import load

        return load(Path(folder), verify=verify)


def _frozen(values: Any, what: str) -> Triples:
    """(n, 3) int64, read-only; copied where somebody else could write to it."""
    array = np.asarray(values)
    if array.size == 0 and array.ndim <= 2:
        array = np.empty((0, 3), dtype=np.int64)
    if array.ndim != 2 or array.shape[1] != 3:
        raise DataError(f"{what} must have the shape (n, 3), got {array.shape}")
    if array.dtype.kind not in "iu":
        raise DataError(f"{what} must be whole numbers, got {array.dtype}")
    if not array.flags.writeable and array.dtype == np.int64:
        return array
    own = np.array(array, dtype=np.int64, order="C")
    own.setflags(write=False)
    return own


def _check_ids(triples: Triples, n_entities: int, n_relations: int, what: str) -> None:
    if not len(triples):
        return
    low, high = triples.min(axis=0), triples.max(axis=0)
    sizes = (n_entities, n_relations, n_entities)
    for column, (kind, size) in enumerate(zip(("head", "relation", "tail"), sizes, strict=True)):
        if low[column] < 0 or high[column] >= size:
            bad = low[column] if low[column] < 0 else high[column]
            raise DataError(f"{what} have the {kind} id {bad}, expected 0 to {size - 1}")


def _check_unique(names: Sequence[str], kind: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"two {kind} ids have the name {name!r}: names must differ")
        seen.add(name)


def _check_trainable(splits: dict[Split, Triples], relations: Sequence[str]) -> None:
    trained = np.bincount(splits["train"][:, 1], minlength=len(relations)) > 0
    for split, triples in splits.items():
        untrained = triples[~trained[triples[:, 1]], 1]
        if len(untrained):
            name = relations[int(untrained[0])]
            count = int((untrained == untrained[0]).sum())
            raise DataError(
                f"relation {name!r} is in {split} ({count} triples) but not in train, so it could never "
                f"be trained: move some of its triples to train or remove them from {split}"
            )


def _look_up(kind: str, name: str, ids: dict[str, int], graph: str) -> int:
    if name in ids:
        return ids[name]
    near = difflib.get_close_matches(str(name), ids, n=1, cutoff=0.5) if len(ids) <= SEARCHED_NAMES else []
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise DataError(f"unknown {kind} {name!r} in {graph}.{hint}")
