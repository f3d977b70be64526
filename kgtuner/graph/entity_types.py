"""What kind of thing each entity is, where a graph says so: a drug, a disease, a protein."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kgtuner.errors import DataError
from kgtuner.registry import unknown
from kgtuner.types import IntArray, Triples

SEVERAL = -1
"""In place of a type: the answers of a relation have more than one."""


@dataclass(frozen=True, eq=False)
class EntityTypes:
    """One type for each entity. An id local to a type counts the entities of this type in the order of their ids.

    Attributes:
        names: of the types.
        of_entity: (n_entities,) int64, the position in `names`; read-only.
    """

    names: tuple[str, ...]
    of_entity: IntArray

    def __post_init__(self) -> None:
        codes = np.ascontiguousarray(self.of_entity, dtype=np.int64)
        if codes.ndim != 1 or len(set(self.names)) < len(self.names):
            raise DataError(f"types need one number an entity and different names, got {self.names}")
        if len(codes) and (codes.min() < 0 or codes.max() >= len(self.names)):
            raise DataError(f"types must be 0 to {len(self.names) - 1}, got {codes.min()} to {codes.max()}")
        if codes.flags.writeable:
            codes = codes.copy()
            codes.setflags(write=False)
        object.__setattr__(self, "of_entity", codes)

    @classmethod
    def blocks(cls, counts: dict[str, int]) -> EntityTypes:
        """Entities that are numbered type after type: the first `counts[name]` ids are of the first type."""
        return cls(tuple(counts), np.repeat(np.arange(len(counts)), list(counts.values())))

    @cached_property
    def members(self) -> IntArray:
        """(n_entities,) ids ordered by type, rising within one; `starts` says where each type begins."""
        return np.argsort(self.of_entity, kind="stable")

    @cached_property
    def starts(self) -> IntArray:
        """(n_types + 1,) type i has members[starts[i]:starts[i + 1]]."""
        counts = np.bincount(self.of_entity, minlength=len(self.names))
        return np.concatenate([[0], np.cumsum(counts)])

    def to_global(self, types: IntArray, local: IntArray) -> IntArray:
        """Ids in the whole graph of (n,) ids that are local to (n,) types.

        Raises:
            DataError: for a local id that its type does not have.
        """
        types, local = np.asarray(types), np.asarray(local)
        counts = np.diff(self.starts)
        bad = np.flatnonzero((local < 0) | (local >= counts[types]))
        if len(bad):
            kind, given = int(np.atleast_1d(types)[bad[0]]), int(np.atleast_1d(local)[bad[0]])
            raise DataError(f"{self.names[kind]} has the ids 0 to {counts[kind] - 1}, got {given}")
        entities: IntArray = self.members[self.starts[types] + local]
        return entities

    def to_local(self, entities: IntArray) -> tuple[IntArray, IntArray]:
        """The types of (n,) entities, and their ids within them: the inverse of `to_global`."""
        types = self.of_entity[entities]
        return types, self._places[entities] - self.starts[types]

    @cached_property
    def _places(self) -> IntArray:
        """(n_entities,) where each entity stands in `members`."""
        places = np.empty(len(self.members), dtype=np.int64)
        places[self.members] = np.arange(len(places))
        return places

    def type_id(self, name: str) -> int:
        """The position of a type; DataError with the nearest name where there is none."""
        if name not in self.names:
            raise DataError(unknown("type of entities", name, self.names))
        return self.names.index(name)

    def selected(self, entities: IntArray) -> EntityTypes:
        """The types of a part of the entities, in the given order; a type may be left without an entity."""
        return EntityTypes(self.names, self.of_entity[entities])

    def of_answers(self, train: Triples, n_relations: int) -> IntArray:
        """(2 * n_relations,) the type of the answers of each directed relation in train; SEVERAL where they differ.

        A relation without a triple has SEVERAL too: nothing is known about it.
        """
        found = np.full(2 * n_relations, SEVERAL, dtype=np.int64)
        for column, shift in ((2, 0), (0, n_relations)):
            pairs = np.unique(train[:, 1] * len(self.names) + self.of_entity[train[:, column]])
            relations, types = np.divmod(pairs, len(self.names))
            single = np.bincount(relations, minlength=n_relations)[relations] == 1
            found[relations[single] + shift] = types[single]
        return found
