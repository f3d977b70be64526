"""Which trainings the table is to have, and in which order, so that every prefix of the list is a usable table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SECOND_SEED_EVERY = 10


@dataclass(frozen=True)
class Fidelity:
    """What a training is made on.

    Attributes:
        name: in the table, e.g. "walk-0.2".
        method: a name of `SUBGRAPH_SAMPLERS`, None for the full graph.
        ratio: share of the entities.
        starts: of the walk.
        scaled: whether sampled negatives shrink with the entities.
        seed: of the sampling; a second one has another subgraph.
    """

    name: str
    method: str | None = None
    ratio: float = 1.0
    starts: int = 10
    scaled: bool = False
    seed: int = 0


FULL = Fidelity("full")
FIDELITIES = {
    fidelity.name: fidelity
    for fidelity in (
        FULL,
        *(Fidelity(f"walk-{ratio:g}", "random_walk", ratio) for ratio in (0.05, 0.1, 0.2, 0.4)),
        Fidelity("walk-0.2-scaled", "random_walk", 0.2, scaled=True),
        Fidelity("walk-0.2-second", "random_walk", 0.2, seed=1),
        Fidelity("single-0.2", "random_walk", 0.2, starts=1),
        Fidelity("core-0.2", "k_core", 0.2, scaled=True),
        Fidelity("pagerank-0.2", "pagerank_nodes", 0.2),
        Fidelity("edges-0.2", "random_edges", 0.2),
    )
}


@dataclass(frozen=True)
class Series:
    """Trainings of configurations 0 … n - 1 of a model.

    Attributes:
        cap: seconds of CPU time of a training, its validations included.
        n: how many configurations are wanted in the end.
        start, stride: configuration i is due in round start + i * stride.
        seeds: 2 for a second training of every tenth configuration.
    """

    graph: str
    model: str
    fidelity: str
    cap: float
    n: int
    start: float = 0.0
    stride: float = 1.0
    seeds: int = 1


@dataclass(frozen=True, order=True)
class Job:
    """One training. Jobs are ordered by when they are due."""

    round: float
    place: int
    graph: str
    model: str
    fidelity: str
    number: int
    seed: int
    cap: float

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        return self.graph, self.model, self.fidelity, self.number, self.seed


SERIES = (
    Series("codex-s", "complex", "full", 16.0, 600, seeds=2),
    Series("codex-s", "complex", "walk-0.2", 4.0, 600, seeds=2),
    Series("umls", "complex", "full", 2.0, 600, stride=0.1, seeds=2),
    Series("umls", "complex", "walk-0.4", 0.8, 600, stride=0.1, seeds=2),
    Series("codex-s", "complex", "walk-0.2-scaled", 4.0, 100, start=10),
    Series("codex-s", "complex", "walk-0.1", 2.0, 100, start=20, stride=2),
    Series("codex-s", "complex", "walk-0.4", 8.0, 100, start=20, stride=2),
    Series("codex-s", "complex", "core-0.2", 4.0, 100, start=20, stride=2),
    Series("codex-s", "complex", "single-0.2", 4.0, 100, start=30, stride=2),
    Series("codex-s", "complex", "walk-0.05", 1.0, 100, start=30, stride=2),
    Series("codex-s", "complex", "pagerank-0.2", 4.0, 100, start=30, stride=2),
    Series("codex-s", "complex", "edges-0.2", 4.0, 100, start=30, stride=2),
    Series("codex-s", "complex", "walk-0.2-second", 4.0, 100, start=30, stride=2),
    Series("codex-s", "distmult", "full", 16.0, 150, start=60, stride=2, seeds=2),
    Series("codex-s", "distmult", "walk-0.2", 4.0, 150, start=60, stride=2, seeds=2),
    Series("codex-s", "transe", "full", 16.0, 150, start=60, stride=2, seeds=2),
    Series("codex-s", "transe", "walk-0.2", 4.0, 150, start=60, stride=2, seeds=2),
    Series("wn18rr", "complex", "walk-0.2", 60.0, 150, start=300, seeds=2),
    Series("wn18rr", "complex", "full", 300.0, 40, start=300, seeds=2),
)


def jobs(series: tuple[Series, ...] = SERIES) -> Iterator[Job]:
    """All trainings, the first ones due first."""
    return iter(sorted(_all(series)))


def _all(series: tuple[Series, ...]) -> Iterator[Job]:
    for place, one in enumerate(series):
        for number in range(one.n):
            due = one.start + number * one.stride
            for seed in range(one.seeds if number % SECOND_SEED_EVERY == 0 else 1):
                yield Job(due + 0.5 * seed, place, one.graph, one.model, one.fidelity, number, seed, one.cap)
