"""Finding the candidates that an acquisition likes best, among all valid configurations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kgtuner.space.codes import Codes, distinct
from kgtuner.types import FloatArray

FRESH, MUTATED = 0.2, 0.4  # the rest of a generation is crossover


def evolve(
    codes: Codes,
    acquisition: Callable[[FloatArray], FloatArray],
    rng: np.random.Generator,
    *,
    exclude: FloatArray | None = None,
    population: int = 10_000,
    offspring: int = 4_000,
    generations: int = 10,
) -> FloatArray:
    """Candidates by an evolutionary search, the best first.

    Starts from random valid configurations. Each generation adds 20% fresh ones, 40% copies of kept ones
    with one hyper-parameter changed and 40% uniform crossovers of two, and keeps the best.

    Args:
        codes: draws and varies rows of codes.
        acquisition: (m, d) codes to (m,), larger is better.
        exclude: (k, d) codes that must not be proposed again.
        population: how many are kept; the paper's 10,000.
        offspring: how many are new in a generation. The paper does not say; evaluating the
            acquisition on them is what a proposal costs.
        generations: the paper's ten.

    Returns:
        (m, d) distinct codes without the excluded ones, m <= population; none if the space is exhausted.

    Source: "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022), search algorithm.
    """
    projection = rng.random(codes.width)
    kept = codes.sample(population, rng)
    scores = acquisition(kept)
    for _ in range(generations):
        fresh = codes.sample(int(FRESH * offspring), rng)
        mutated = codes.mutated(kept[rng.integers(len(kept), size=int(MUTATED * offspring))], rng)
        pairs = rng.integers(len(kept), size=(2, offspring - len(fresh) - len(mutated)))
        crossed = codes.crossed(kept[pairs[0]], kept[pairs[1]], rng)
        new = np.concatenate([fresh, mutated, crossed])
        kept, scores = np.concatenate([kept, new]), np.concatenate([scores, acquisition(new)])
        # Copies would crowd out the rest; a random projection finds nearly all of them cheaply.
        _, single = np.unique(np.nan_to_num(kept, nan=-1.5) @ projection, return_index=True)
        best = single[_best_first(scores[single], rng)][:population]
        kept, scores = kept[best], scores[best]
    order = _best_first(scores, rng)
    ranked = kept[order]
    return ranked[distinct(ranked, exclude)]


def scatter(
    codes: Codes,
    acquisition: Callable[[FloatArray], FloatArray],
    rng: np.random.Generator,
    *,
    exclude: FloatArray | None = None,
    population: int = 10_000,
    offspring: int = 0,
    generations: int = 0,
) -> FloatArray:
    """Random valid configurations alone, the best first; what many Bayesian optimisers do.

    Args and Returns: as for `evolve`; `offspring` and `generations` have no meaning here.
    """
    drawn = codes.sample(population, rng)
    ranked = drawn[_best_first(acquisition(drawn), rng)]
    return ranked[distinct(ranked, exclude)]


MAXIMISERS = {
    "evolution": evolve,
    "scatter": scatter,
}
"""Ways to find what an acquisition likes best, by name. A new one is one function and one line here."""


def unseen(codes: Codes, rng: np.random.Generator, exclude: FloatArray, tries: int = 1_000) -> FloatArray:
    """Random valid rows (m, d) that are not excluded; none if the space seems exhausted."""
    drawn = codes.sample(tries, rng)
    return drawn[distinct(drawn, exclude)]


def _best_first(scores: FloatArray, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    # A forest has plateaus; without the second key the order in the array would decide among equals.
    return np.lexsort((rng.random(len(scores)), -scores)).astype(np.int64)
