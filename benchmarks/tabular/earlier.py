"""Writes configs/earlier.json, the studies that come with KGTuner, from the tables.

    python -m benchmarks.tabular.earlier           # after collect.py has found more
    python -m benchmarks.tabular.earlier --check   # is the file up to date? exit code 1 if not

Both take seconds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Container
from dataclasses import asdict
from typing import Any

from benchmarks.tabular.drawing import drawn
from benchmarks.tabular.store import DATA
from benchmarks.tabular.table import Table
from kgtuner.search.earlier import FILE, PORTFOLIO, EarlierStudy
from kgtuner.search.strategies import FULL
from kgtuner.shipped import shipped_folder

LEAST_ROWS = 60
"""Configurations below which the best of a table is not yet worth following."""


def studies(among: Container[int] | None = None) -> list[EarlierStudy]:
    """The best of all tables that are large enough.

    Args:
        among: only these numbers of configurations, such as those of a table that a search is replayed on.
    """
    found = []
    for file in sorted(DATA.glob("*.parquet")):
        graph, _, model = file.stem.rpartition("-")
        table = Table.load(graph, model)
        if len(table.trainings.get(FULL, {})) < LEAST_ROWS:
            continue
        values = {
            number: training.value
            for number, training in table.trainings[FULL].items()
            if not training.failed and (among is None or number in among)
        }
        best = sorted(values, key=lambda number: -values[number])[:PORTFOLIO]
        configurations = tuple(drawn(model, number) for number in best)
        found.append(EarlierStudy(graph, model, *table.sizes[FULL], configurations))
    return found


def rounded(configuration: dict[str, Any]) -> dict[str, Any]:
    """With eight digits, which are the same on every machine."""
    return {
        name: float(f"{value:.8g}") if isinstance(value, float) else value
        for name, value in configuration.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    shown = [
        {**asdict(study), "configurations": [rounded(config) for config in study.configurations]}
        for study in studies()
    ]
    made = {"made_by": "python -m benchmarks.tabular.earlier", "studies": shown}
    text = json.dumps(made, indent=1) + "\n"
    path = shipped_folder("configs") / FILE
    if options.check:
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            raise SystemExit(
                f"{path.name} is not what the tables say now: python -m benchmarks.tabular.earlier"
            )
        return
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
