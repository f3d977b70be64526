"""`kgtuner datasets`: which data sets there are, what one contains, and how a graph becomes one."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import Parser, command, share, whole
from kgtuner.cli.outcome import Outcome
from kgtuner.errors import ConfigError, DataError

if TYPE_CHECKING:
    from rich.console import Console

    from kgtuner.graph.knowledge_graph import KnowledgeGraph

ACTIONS = "list|info|fetch|import|check"
WRONG_DATA = DataError.exit_code

EPILOG = """\
  kgtuner datasets                                all data sets
  kgtuner datasets info world                     licence, origin, statistics, degrees, what is questionable
  kgtuner datasets info path/to/graph             the same of a graph of your own
  kgtuner datasets fetch umls                     download and verify
  kgtuner datasets import facts.csv --output my   train, valid and test from one file
  kgtuner datasets check my                       look for leaks, repetitions, unseen entities; exit code 0 or 3
"""

FORMATS = (
    "tab-separated text, CSV, Parquet, N-Triples or Turtle by its ending, or a folder with train, valid, test"
)


def add(commands: Any) -> None:
    parser = command(commands, "datasets", _list, "data sets, and graphs of your own", epilog=EPILOG)
    actions = parser.add_subparsers(metavar=ACTIONS, parser_class=Parser)
    listing = _action(actions, "list", _list, "all data sets")
    listing.add_argument("name", nargs="?", help=argparse.SUPPRESS)

    info = _action(
        actions, "info", _info, "licence, statistics, degrees and what is questionable about a graph"
    )
    _add_name(info, "a data set, a folder or a file")
    info.add_argument(
        "--download", action="store_true", help="fetch the data set if it is not on this machine"
    )
    info.add_argument("--figure", metavar="FILE", help="the degree plot as .svg, .png or .pdf")

    fetch = _action(actions, "fetch", _fetch, "download a data set and verify it")
    _add_name(fetch, "a data set")

    imported = _action(actions, "import", _import, "split a graph and write it as a folder with a card")
    _add_name(imported, FORMATS)
    imported.add_argument(
        "--output", metavar="FOLDER", required=True, help="where to write; must not be there yet"
    )
    _add_columns(imported)
    for split in ("valid", "test"):
        imported.add_argument(
            f"--{split}", type=share, metavar="SHARE", help=f"share of the {split} triples, .1"
        )
    imported.add_argument("--seed", type=whole(0), metavar="N", help="of the split, 0 by default")
    imported.add_argument(
        "--leaks",
        metavar="keep|warn|together|drop",
        help="relations that copy each other: say nothing, say how much leaks into test (default), keep leaking "
        "triples in one split, or drop the redundant relations",
    )
    imported.add_argument(
        "--literals", metavar="drop|keep", help="texts and numbers of RDF, left out by default"
    )
    imported.add_argument("--licence", metavar="TEXT", help="of the data, for the card")

    check = _action(actions, "check", _check, "look for what makes the metrics of a graph meaningless")
    _add_name(check, f"a data set, or {FORMATS}")
    _add_columns(check)
    check.add_argument(
        "--threshold", type=share, metavar="SHARE", help="of a relation's pairs in another one, .8 by default"
    )
    check.add_argument(
        "--allow", metavar="KIND,…", help="kinds of findings that are no reason for exit code 3"
    )


def _action(actions: Any, name: str, run: Any, summary: str) -> Parser:
    parser = command(actions, name, run, summary)
    for option in parser._actions:
        if option.dest == "json":
            option.default = argparse.SUPPRESS  # or `datasets --json list` would lose its option
    return parser


def _add_name(parser: Parser, what: str) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help=what)


def _add_columns(parser: Parser) -> None:
    parser.add_argument(
        "--columns",
        metavar="head=A,relation=B,tail=C",
        help="columns of a table by name, or by position from 1 where there is no header",
    )


def _list(args: argparse.Namespace) -> Outcome:
    """The table of all data sets."""
    from kgtuner.graph.catalog import DATASETS, dataset_card, find_dataset

    name = getattr(args, "name", None)
    if name is not None:
        raise ConfigError(f"list takes no name; for one data set: kgtuner datasets info {name}")
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


def _info(args: argparse.Namespace) -> Outcome:
    """The card, the statistics, the degrees and the audit of one."""
    from kgtuner.graph.catalog import DATASETS, dataset_card, find_dataset, load_dataset, resolve_graph
    from kgtuner.graph.degrees import degree_bins, degree_lines, save_degree_figure

    name = _name(args, "info", "a data set, a folder or a file")
    card: dict[str, Any] | None = None
    graph: KnowledgeGraph | None = None
    if name in DATASETS:
        described = dataset_card(name)
        card = asdict(described)
        if args.download or find_dataset(described) is not None:
            graph = load_dataset(name, download=args.download)
    else:
        graph = resolve_graph(name, leaks="keep")
    if args.figure is not None:
        if graph is None:
            raise DataError(f"no figure: {name} is not on this machine; --download fetches it")
        save_degree_figure(graph, args.figure)
    statistics = None if graph is None else asdict(graph.statistics())
    findings = None if graph is None else [asdict(finding) for finding in graph.audit()]
    bins = () if graph is None else degree_bins(graph)

    def show(console: Console) -> None:
        from rich.text import Text

        from kgtuner.report.tables import show_graph

        show_graph(name, card, statistics, findings, console)
        if bins:
            console.print(
                Text("\nDegrees: train triples of an entity, entities (bars: logarithmic)", style="bold")
            )
            console.print(Text("\n".join(degree_lines(bins))), soft_wrap=True)

    mapping = {
        "name": name,
        "card": card,
        "statistics": statistics,
        "findings": findings,
        "degrees": [asdict(one) for one in bins],
        "figure": args.figure,
    }
    return Outcome(mapping, show)


def _fetch(args: argparse.Namespace) -> Outcome:
    """Download a data set unless it is here, and verify it in any case."""
    from kgtuner.graph.catalog import dataset_card, find_dataset, load_dataset
    from kgtuner.graph.verification import verify_files

    name = _name(args, "fetch", "a data set")
    card = dataset_card(name)
    was_here = find_dataset(card) is not None
    graph = load_dataset(name)
    folder = find_dataset(card)
    verified = () if folder is None else verify_files(card, folder)
    mapping = {
        "name": name,
        "folder": str(folder) if folder is not None else None,
        "downloaded": not was_here,
        "verified": list(verified),
        "counts": asdict(card.counts),
        "licence": card.licence,
    }

    def show(console: Console) -> None:
        checks = "counts as on the card" + (f", checksums of {', '.join(verified)}" if verified else "")
        _say(console, f"{name}: {'was here already' if was_here else 'downloaded'}, in {folder}")
        _say(console, f"verified: {checks}; {graph!r}")
        _say(console, f"licence: {card.licence}")

    return Outcome(mapping, show)


def _import(args: argparse.Namespace) -> Outcome:
    """Write a folder with train, valid, test and a card."""
    from kgtuner.cli.arguments import given
    from kgtuner.graph.columns import parse_columns
    from kgtuner.graph.importing import import_graph

    name = _name(args, "import", "a file or a folder")
    options = given(args, ("valid", "test", "seed", "leaks", "literals", "licence"))
    if args.columns is not None:
        options["columns"] = parse_columns(args.columns)
    made = import_graph(name, args.output, **options)

    def show(console: Console) -> None:
        counts = made.counts
        _say(
            console,
            f"{made.folder}: {counts.entities:,} entities, {counts.relations:,} relations, "
            f"{counts.train:,} / {counts.valid:,} / {counts.test:,} triples in train / valid / test",
        )
        for note in made.notes:
            _say(console, f"- {note}")

    mapping = {"folder": str(made.folder), "counts": asdict(made.counts), "notes": list(made.notes)}
    return Outcome(mapping, show)


def _check(args: argparse.Namespace) -> Outcome:
    """The audit of a graph; the exit code says whether something is wrong."""
    from kgtuner.cli.arguments import given
    from kgtuner.graph.audit import WRONG
    from kgtuner.graph.checking import check
    from kgtuner.graph.columns import parse_columns
    from kgtuner.registry import unknown

    name = _name(args, "check", "a data set, a folder or a file")
    allowed = set() if args.allow is None else {kind.strip() for kind in args.allow.split(",")}
    for kind in sorted(allowed - WRONG):
        raise ConfigError(unknown("kind of finding in --allow", kind, sorted(WRONG)))
    options = given(args, ("threshold",))
    if args.columns is not None:
        options["columns"] = parse_columns(args.columns)
    graph, findings = check(name, **options)
    bad = WRONG - allowed
    wrong = [finding for finding in findings if finding.kind in bad]
    remarks = [finding for finding in findings if finding.kind not in bad]

    def show(console: Console) -> None:
        from kgtuner.report.tables import finding_lines

        _say(console, repr(graph))
        for title, some in (("wrong", wrong), ("worth knowing", remarks)):
            for line in finding_lines([(f.kind, f"{title} ({f.kind}): {f.message}") for f in some]):
                _say(console, line)
        _say(
            console,
            f"{len(wrong)} wrong, {len(remarks)} worth knowing" if findings else "nothing questionable",
        )

    mapping = {
        "name": name,
        "ok": not wrong,
        "findings": [{**asdict(f), "wrong": f.kind in bad} for f in findings],
    }
    return Outcome(mapping, show, WRONG_DATA if wrong else 0)


def _name(args: argparse.Namespace, action: str, what: str) -> str:
    if args.name is None:
        raise ConfigError(f"a name is missing: kgtuner datasets {action} NAME, with {what}")
    return str(args.name)


def _say(console: Console, line: str) -> None:
    from rich.text import Text

    from kgtuner.report.text import printable

    console.print(Text(printable(line)), soft_wrap=True)
