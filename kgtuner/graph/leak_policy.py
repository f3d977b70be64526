"""How a single set of triples is split when some of its relations copy each other.

keep      at random, whatever stands in train then
warn      the same, and say how many test triples are answered by train
together  triples that give each other away stay in one split
drop      relations that are near- or reverse-duplicates of a larger one are left out, as FB15k-237 was made from
          FB15k; what is left, such as a symmetric relation and its reverse triples, stays together
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from kgtuner.errors import ConfigError
from kgtuner.graph.leaks import Overlap, answered, overlapping_relations, redundant_relations
from kgtuner.graph.split import split_triples
from kgtuner.registry import unknown
from kgtuner.types import IntArray, Split, Triples

LeakPolicy = Literal["keep", "warn", "together", "drop"]
POLICIES: tuple[str, ...] = get_args(LeakPolicy)

EXAMPLES = 3


@dataclass(frozen=True, eq=False)
class PolicySplit:
    """Three splits, what is to be said about them, and which of the old ids are left."""

    splits: dict[Split, Triples]
    notes: tuple[str, ...]
    entity_ids: IntArray | None = None  # old id of each new one; None where nothing was renumbered
    relation_ids: IntArray | None = None

    def names(self, entities: Sequence[str], relations: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        """The names behind the new ids."""
        if self.entity_ids is None or self.relation_ids is None:
            return entities, relations
        return (
            tuple(entities[i] for i in self.entity_ids.tolist()),
            tuple(relations[i] for i in self.relation_ids.tolist()),
        )


def split_by_policy(
    triples: Triples, relations: Sequence[str], policy: str, *, valid: float, test: float, seed: int
) -> PolicySplit:
    """Split triples at random so that no entity is unseen, and regard relations that copy each other.

    Args:
        triples: (n, 3).
        relations: their names, for the notes.
        policy: one of `POLICIES`, see above.
        valid, test, seed: as in `split.split_triples`.

    Raises:
        ConfigError: for an unknown policy.
        DataError: if there is too little to split.
    """
    if policy not in POLICIES:
        raise ConfigError(unknown("way to treat leaks", policy, POLICIES))
    notes: list[str] = []
    overlaps: tuple[Overlap, ...] = () if policy == "keep" else overlapping_relations(triples)
    entity_ids = relation_ids = None
    if policy == "drop" and (redundant := redundant_relations(overlaps)):
        keep = ~np.isin(triples[:, 1], redundant)
        notes.append(
            f"left out {len(redundant)} of {len(relations)} relations and their {int((~keep).sum()):,} triples, "
            f"because others that are kept have their pairs: {_listed([relations[r] for r in redundant])}"
        )
        triples, entity_ids, relation_ids = _renumbered(triples[keep])
        relations = [relations[r] for r in relation_ids.tolist()]
        overlaps = overlapping_relations(triples)
    grouped = overlaps if policy in ("together", "drop") else ()
    made = split_triples(triples, valid=valid, test=test, seed=seed, overlaps=grouped)
    if made.duplicates:
        notes.append(f"left out {made.duplicates} repeated triples before splitting")
    leaking = answered(made.test, made.train, overlaps)[0]
    if leaking.any():
        families = {frozenset((o.first, o.second)): o for o in overlaps}.values()
        pairs = [" and ".join(sorted({repr(relations[r]) for r in (o.first, o.second)})) for o in families]
        notes.append(
            f"train answers {int(leaking.sum()):,} of the {len(made.test):,} test triples ({leaking.mean():.1%}) "
            "through relations that copy each other or are symmetric: "
            f"{_listed(pairs)}; leaks='together' (kgtuner datasets import --leaks together) keeps them in one split"
        )
    splits: dict[Split, Triples] = {"train": made.train, "valid": made.valid, "test": made.test}
    return PolicySplit(splits, tuple(notes), entity_ids, relation_ids)


def _renumbered(triples: Triples) -> tuple[Triples, IntArray, IntArray]:
    """The triples with ids without gaps, and the old entity and relation ids in the order of the new ones."""
    entity_ids, ends = np.unique(triples[:, [0, 2]], return_inverse=True)
    relation_ids, middle = np.unique(triples[:, 1], return_inverse=True)
    ends = ends.reshape(-1, 2)
    return np.column_stack((ends[:, 0], middle.ravel(), ends[:, 1])), entity_ids, relation_ids


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    return ", ".join(names[:EXAMPLES]) + more
