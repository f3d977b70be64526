"""How long a proposal takes: processor time of each sampler at 50 and 200 observations of ComplEx's full space.

python -m benchmarks.tabular.proposals     # into results/proposals.json
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import optuna

from benchmarks import record
from benchmarks.tabular.drawing import space_of
from kgtuner.search.proposals import Observations
from kgtuner.search.samplers import SAMPLERS

OBSERVATIONS = (50, 200)


def seconds(name: str, observations: int, repeats: int) -> list[float]:
    """Processor time of single proposals, after one that is not counted."""
    space, rng = space_of("complex"), np.random.default_rng(0)
    codes = space.codes.sample(observations, rng)
    seen = Observations(codes, rng.random(observations), np.zeros(observations, dtype=np.int64))
    sampler = SAMPLERS[name](space, seed=0)
    took = []
    for number in range(repeats + 1):
        began = time.process_time()
        sampler.row(space, seen, observations + number)
        took.append(time.process_time() - began)
    return [round(second, 4) for second in took[1:]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rows = []
    for name in SAMPLERS:
        for observations in OBSERVATIONS:
            took = seconds(name, observations, options.repeats)
            rows.append({"sampler": name, "observations": observations, "cpu_seconds": took})
            print(f"{name} at {observations}: {float(np.median(took)):.3f} s", flush=True)
    record.write("proposals", {"space": "full, complex", "rows": rows})


if __name__ == "__main__":
    main()
