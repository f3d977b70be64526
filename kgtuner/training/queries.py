"""The training triples as directed queries with their known answers, on the device that trains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgtuner.graph.known_answers import KnownAnswers
from kgtuner.types import Triples

FIRST_COUNT = 4
"""What a query seen once counts in the frequency weights (Sun et al., 2019, and the published runs)."""


@dataclass(frozen=True)
class TrainingQueries:
    """Both directions of every training triple: (entity, relation, ?) with its answer.

    Attributes:
        entity, relation, answer: (q,) int64, relation directed in [0, 2R), q = twice the triples.
        weight: (q,) float32, 1 / sqrt(n(h, r) + n(r, t)), where n is 4 for the first triple; or all one.
        group: (q,) int64, which distinct query this is, a row of `offsets`.
        group_entity, group_relation: (g,) int64, the distinct queries.
        offsets: (g + 1,) int64 into `answers`.
        answers: (p,) int64, all right answers of each distinct query, rising.
        pairs: (p,) int64, group * n_entities + answer, rising: for looking a pair up.
    """

    n_entities: int
    entity: Tensor
    relation: Tensor
    answer: Tensor
    weight: Tensor
    group: Tensor
    group_entity: Tensor
    group_relation: Tensor
    offsets: Tensor
    answers: Tensor
    pairs: Tensor

    def __len__(self) -> int:
        return len(self.entity)

    @classmethod
    def of(
        cls,
        train: Triples,
        known: KnownAnswers,
        n_entities: int,
        n_relations: int,
        *,
        frequency_weights: bool,
        device: torch.device,
    ) -> TrainingQueries:
        """Build from (n, 3) training triples and the known answers of train alone."""
        h, r, t = np.asarray(train).T
        entity = np.concatenate([h, t])
        relation = np.concatenate([r, r + n_relations])
        answer = np.concatenate([t, h])
        keys = np.asarray(known.keys)
        group = _places(keys, entity * (2 * n_relations) + relation)
        counts = np.diff(known.offsets)
        if frequency_weights:
            times = np.bincount(group, minlength=len(keys)) - 1 + FIRST_COUNT
            per_query = times[group]
            both = per_query[: len(h)] + per_query[len(h) :]
            weight = np.tile(1 / np.sqrt(both), 2)
        else:
            weight = np.ones(len(entity))
        groups = np.repeat(np.arange(len(keys)), counts)

        def on_device(array: np.ndarray, dtype: torch.dtype = torch.int64) -> Tensor:
            return torch.as_tensor(np.array(array), dtype=dtype, device=device)

        return cls(
            n_entities=n_entities,
            entity=on_device(entity),
            relation=on_device(relation),
            answer=on_device(answer),
            weight=on_device(weight, torch.float32),
            group=on_device(group),
            group_entity=on_device(keys // (2 * n_relations)),
            group_relation=on_device(keys % (2 * n_relations)),
            offsets=on_device(known.offsets),
            answers=on_device(known.answers),
            pairs=on_device(groups * n_entities + np.asarray(known.answers, dtype=np.int64)),
        )

    def answer_counts(self, groups: Tensor) -> Tensor:
        """(b,) how many right answers some distinct queries have."""
        return self.offsets[groups + 1] - self.offsets[groups]

    def expand(self, groups: Tensor) -> tuple[Tensor, Tensor]:
        """All right answers of some distinct queries (b,), as (rows, answers), each (p,)."""
        start = self.offsets[groups]
        count = self.answer_counts(groups)
        rows = torch.repeat_interleave(torch.arange(len(groups), device=groups.device), count)
        first = torch.cumsum(count, 0) - count
        position = torch.arange(len(rows), device=groups.device) + (start - first)[rows]
        return rows, self.answers[position]


def _places(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each of (q,) values stands among its distinct values, which `keys` (g,) are, rising.

    By sorting: a binary search of tens of millions jumps about in memory and takes many times as long.
    """
    order = np.argsort(wanted)
    ordered = wanted[order]
    fresh = np.ones(len(wanted), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
    place = np.empty(len(wanted), dtype=np.int64)
    place[order] = np.cumsum(fresh) - 1
    assert len(keys) == int(fresh.sum())  # the known answers are those of train alone
    return place


class FalseNegatives:
    """Finds drawn negatives that are right answers in train, without looking each one up.

    Few entities answer the queries of one batch, so a table of marks rules almost all draws out at
    once; only the rest is searched for in the sorted pairs.
    """

    def __init__(self, queries: TrainingQueries) -> None:
        self._queries = queries
        self._marked = torch.zeros(queries.n_entities, dtype=torch.bool, device=queries.entity.device)

    def valid(self, groups: Tensor, negatives: Tensor) -> Tensor | None:
        """(b, n) bool, False where a negative, ids (b, n) or shared (n,), is known; None when none is."""
        queries = self._queries
        _, answers = queries.expand(groups)
        self._marked[answers] = True
        suspects = self._marked[negatives]
        self._marked[answers] = False
        if negatives.dim() == 1:
            columns = suspects.nonzero().squeeze(1)
            rows = torch.arange(len(groups), device=groups.device).repeat_interleave(len(columns))
            columns = columns.repeat(len(groups))
            entities = negatives[columns]
        else:
            rows, columns = suspects.nonzero(as_tuple=True)
            entities = negatives[rows, columns]
        if len(rows) == 0:
            return None
        wanted = groups[rows] * queries.n_entities + entities
        place = torch.searchsorted(queries.pairs, wanted).clamp_max_(len(queries.pairs) - 1)
        known = queries.pairs[place] == wanted
        valid = torch.ones(len(groups), negatives.shape[-1], dtype=torch.bool, device=groups.device)
        valid[rows[known], columns[known]] = False
        return valid


class Batches:
    """Batches of positions in random order, pass after pass over all of them.

    Its state is the current order and the place in it, so that training can go on from a checkpoint.
    """

    def __init__(self, n: int, batch_size: int, generator: torch.Generator) -> None:
        self.n = n
        self.batch_size = min(batch_size, n)
        self.generator = generator
        self.order = torch.empty(0, dtype=torch.int64, device=generator.device)
        self.place = 0

    def next(self) -> Tensor:
        """Positions (b,); the last batch of a pass may be smaller."""
        if self.place >= len(self.order):
            self.order = torch.randperm(self.n, generator=self.generator, device=self.generator.device)
            self.place = 0
        end = self.place + self.batch_size
        if end == self.n - 1:
            end = self.n  # batch normalisation has no variance over a last batch of one
        batch = self.order[self.place : end]
        self.place = end
        return batch
