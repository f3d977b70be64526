"""What a strategy is: it asks for trainings, one after the other, and is told what came out.

It knows neither clocks nor files nor Optuna. A tuning run answers it with real trainings
(`kgtuner.tuning.by_strategy`), the simulator with rows of a table (benchmarks/tabular), and both run the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

import numpy as np

from kgtuner.search.proposals import Observations
from kgtuner.search.samplers.base import SpaceSampler
from kgtuner.space.codes import distinct
from kgtuner.space.space import Space
from kgtuner.types import FloatArray

FULL = "full"


@dataclass(frozen=True)
class Fidelity:
    """A graph that trainings can be made on.

    Attributes:
        name: "full", or what the subgraph is called.
        cost: of a whole training on it, in whole trainings on the full graph; 1 for the full graph.
        features: numbers that describe it, such as logarithms of its entities and triples.
    """

    name: str
    cost: float
    features: tuple[float, ...] = ()


@dataclass(frozen=True)
class Request:
    """A training that is asked for.

    Attributes:
        row: (d,) codes of the configuration.
        fidelity: the name of the graph.
        share: of a whole training on that graph, in (0, 1]. When the same row has been trained there with
            a smaller share, it goes on from where it stopped and only the difference is paid.
        larger: whether batch size and dimension are to be raised as far as they fit.
    """

    row: FloatArray
    fidelity: str = FULL
    share: float = 1.0
    larger: bool = False


@dataclass(frozen=True)
class Answer:
    """What came out.

    Attributes:
        value: the best validation so far, larger is better; NaN when the training failed.
        cost: what was paid, in whole trainings on the full graph.
    """

    value: float
    cost: float


Asking = Generator[Request, Answer, None]


@dataclass(frozen=True)
class Problem:
    """What a strategy is given.

    Attributes:
        space: where configurations come from.
        budget: in whole trainings on the full graph.
        fidelities: the graphs there are, the smallest first and the full one last.
        seed: decides all that is random.
        pool: (m, d) codes to choose among, None for the whole space.
        options: of the samplers, by the name of their keyword.
        least: the share of a whole training below which another one is not worth its overhead.
        first: (k, d) codes of what is worth trying before anything is known, the most promising first.
    """

    space: Space
    budget: float
    fidelities: Sequence[Fidelity]
    seed: int
    pool: FloatArray | None = None
    options: dict[str, object] = field(default_factory=dict)
    least: float = 0.0
    first: Sequence[FloatArray] = ()

    @property
    def subgraphs(self) -> list[Fidelity]:
        return [fidelity for fidelity in self.fidelities if fidelity.name != FULL]

    def left(self, seen: FloatArray) -> FloatArray:
        """Rows of the pool that have not been seen, (m, d)."""
        assert self.pool is not None
        return self.pool[distinct(self.pool, seen)]

    def next(self, sampler: SpaceSampler, observations: Observations, number: int) -> FloatArray | None:
        """The sampler's next row (d,); None when a pool is used up."""
        if self.pool is None:
            return sampler.row(self.space, observations, number)
        left = self.left(observations.codes)
        if not len(left):
            return None
        row: FloatArray = left[sampler.choose(self.space, observations, number, left)]
        return row

    def random_rows(self, n: int, rng: np.random.Generator) -> FloatArray:
        """n different random rows, fewer if there are not so many."""
        if self.pool is not None:
            rows: FloatArray = self.pool[rng.permutation(len(self.pool))[:n]]
            return rows
        drawn = self.space.codes.sample(4 * n, rng)
        return drawn[distinct(drawn)[:n]]


def nothing(space: Space) -> Observations:
    """No observations yet."""
    return Observations.of(space, [], [])


def observed(row: FloatArray, value: float, group: int = 0) -> Observations:
    """One observation."""
    return Observations(row[None], np.array([value]), np.array([group], dtype=np.int64))


@dataclass(frozen=True)
class Strategy:
    """A whole search by name.

    Attributes:
        search: from a problem to a generator of requests, which ends when nothing is left to do.
        trainings: how many whole trainings a budget in time is meant to hold, where none says otherwise.
        beyond: whole trainings that it makes besides and does not count.
        subgraphs: ratios of the random-walk subgraphs it needs, or of k-cores.
        method: how those are sampled, a name of `SUBGRAPH_SAMPLERS`.
        space: the preset it searches where the user gives none.
        ours: whether it is no rival, and may begin with what KGTuner knows.
    """

    search: Callable[[Problem], Asking]
    trainings: float = 10.0
    beyond: float = 0.0
    subgraphs: tuple[float, ...] = ()
    method: str = "random_walk"
    space: str = "broad"
    ours: bool = False
