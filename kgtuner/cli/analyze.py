"""`kgtuner analyze`: what finished trials say about surrogates, hyper-parameters, subgraphs and a smaller space."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgtuner.cli.arguments import command, whole
from kgtuner.cli.outcome import Outcome
from kgtuner.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

EPILOG = """\
A table has one row per training: hyper-parameters under their dotted names, `value` (empty for a failure), and if
known `seconds` and `fidelity`. The space that --write-space leaves is for `kgtuner tune --space FILE`.
"""


def add(commands: Any) -> None:
    parser = command(
        commands, "analyze", run, "what finished trials say about the search space", epilog=EPILOG
    )
    parser.add_argument("trials", metavar="RUN|TABLE", help="a run folder, or a .csv or .parquet of trials")
    parser.add_argument("--group", help="the graph or stage to look at (default full where it has enough)")
    parser.add_argument("--write-space", metavar="FILE", help="write the smaller space as YAML")
    parser.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="of everything random (default 0)"
    )


def run(args: argparse.Namespace) -> Outcome:
    """Errors of the surrogates, the four groups, the order on subgraphs, and the reduced space with its cost."""
    from kgtuner.analysis.properties import LEAST, properties
    from kgtuner.analysis.rank_correlation import rank_correlations
    from kgtuner.analysis.reduction import cost_of, grouped, space_mapping
    from kgtuner.analysis.surrogate_error import surrogate_errors
    from kgtuner.analysis.trials import as_trials, read_trials
    from kgtuner.registry import unknown

    trials = as_trials(read_trials(Path(args.trials)))
    if args.group is not None and args.group not in trials.groups:
        raise ConfigError(unknown("group", args.group, sorted(set(trials.groups))))
    own = trials.of(args.group or trials.largest)
    found = properties(own, args.seed)
    groups = grouped(own.space, found)
    if args.write_space is not None and not groups:
        raise ConfigError(
            f"a space is reduced from at least {LEAST} trials with a value, got {len(own)} on {own.groups[0]}"
        )
    cost = cost_of(own, groups, args.seed) if groups else None
    errors = surrogate_errors(own, args.seed)
    order = rank_correlations(trials, args.seed)
    if args.write_space is not None:
        from kgtuner.config import parse_yaml
        from kgtuner.report.analysis import space_yaml

        assert cost is not None
        text = space_yaml(space_mapping(groups), groups, cost, args.write_space)
        parse_yaml(text, args.write_space)
        Path(args.write_space).write_text(text, encoding="utf-8")

    def show(console: Console) -> None:
        from kgtuner.report.analysis import show_analysis

        show_analysis(own, errors, found, groups, order, cost, console)
        if args.write_space is not None:
            console.print(f"\nSmaller space: {args.write_space}", soft_wrap=True)

    mapping = {
        "trials": args.trials,
        "group": own.groups[0],
        "count": len(own),
        "surrogates": [asdict(error) for error in errors],
        "hyper_parameters": [asdict(group) for group in groups],
        "subgraphs": [asdict(one) for one in order],
        "cost": None if cost is None else asdict(cost),
        "space": args.write_space,
    }
    return Outcome(mapping, show)
