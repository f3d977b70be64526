"""`kgtuner datasets`: which data sets there are, and what one contains."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command
from kgtuner.cli.outcome import Outcome
from kgtuner.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from kgtuner.graph.knowledge_graph import KnowledgeGraph

EPILOG = """\
  kgtuner datasets                      all data sets
  kgtuner datasets info world           licence, origin, statistics and what is questionable about the data
  kgtuner datasets info path/to/graph   the same of a graph of your own
"""


def add(commands: Any) -> None:
    parser = command(commands, "datasets", run, "list the data sets, or look into a graph", epilog=EPILOG)
    parser.add_argument("action", nargs="?", choices=("list", "info"), default="list", metavar="list|info")
    parser.add_argument("name", nargs="?", metavar="NAME", help="a data set, a folder or a file")
    parser.add_argument(
        "--download", action="store_true", help="fetch the data set if it is not on this machine"
    )


def run(args: argparse.Namespace) -> Outcome:
    """The table of all data sets, or the card, the statistics and the audit of one."""
    if args.action == "info" and args.name is None:
        raise ConfigError(
            "a name is missing: kgtuner datasets info NAME, with a data set, a folder or a file"
        )
    if args.action == "list" and args.name is not None:
        raise ConfigError(f"list takes no name; for one data set: kgtuner datasets info {args.name}")
    return _list() if args.action == "list" else _info(args.name, download=args.download)


def _list() -> Outcome:
    from kgtuner.graph.catalog import DATASETS, dataset_card, find_dataset

    sets = []
    for name in DATASETS:
        card = dataset_card(name)
        found = find_dataset(card)
        where = str(found) if found is not None else None
        sets.append({"name": name, **asdict(card.counts), "licence": card.licence, "found_in": where})

    def show(console: Console) -> None:
        from kgtuner.report.tables import show_datasets

        show_datasets(sets, console)

    return Outcome({"datasets": sets}, show)


def _info(name: str, *, download: bool) -> Outcome:
    from kgtuner.graph.catalog import DATASETS, dataset_card, find_dataset, load_dataset, resolve_graph

    card: dict[str, Any] | None = None
    graph: KnowledgeGraph | None = None
    if name in DATASETS:
        described = dataset_card(name)
        card = asdict(described)
        if download or find_dataset(described) is not None:
            graph = load_dataset(name, download=download)
    else:
        graph = resolve_graph(name)
    statistics = None if graph is None else asdict(graph.statistics())
    findings = None if graph is None else [asdict(finding) for finding in graph.audit()]

    def show(console: Console) -> None:
        from kgtuner.report.tables import show_graph

        show_graph(name, card, statistics, findings, console)

    return Outcome({"name": name, "card": card, "statistics": statistics, "findings": findings}, show)
