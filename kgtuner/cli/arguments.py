"""Arguments of all commands, and errors about them that name what was probably meant."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from kgtuner.errors import ConfigError
from kgtuner.registry import unknown


class Parser(argparse.ArgumentParser):
    """Raises ConfigError instead of exiting, and offers the nearest command or option."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # An abbreviation that works today would be ambiguous with tomorrow's option.
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message} (see {self.prog} --help)")

    def options(self) -> list[str]:
        """The long options, and the short ones without a long form."""
        return [action.option_strings[-1] for action in self._actions if action.option_strings]

    def refuse(self, extra: Sequence[str]) -> NoReturn:
        """Complain about arguments that nobody took."""
        option = next((a for a in extra if a.startswith("-")), None)
        if option is None:
            self.error(f"unexpected argument {extra[0]!r}")
        name = option.partition("=")[0]
        if name in self.options():
            self.error(f"{name} belongs behind the command: {self.prog} {name}")
        self.error(unknown("option", name, self.options()))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            if action.option_strings:
                self.error(f"argument {action.option_strings[-1]}: {unknown('value', value, action.choices)}")
            self.error(unknown("command", value, action.choices))


Run = Callable[[argparse.Namespace], Any]


def command(commands: Any, name: str, run: Run, summary: str, *, epilog: str = "") -> Parser:
    """A command's own parser, which knows what to run and takes `--json` as every command does."""
    parser: Parser = commands.add_parser(name, help=summary, description=summary, epilog=epilog)
    parser.set_defaults(run=run, parser=parser)
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on standard output, all else on standard error"
    )
    return parser


def given(args: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """The options among `names` that the user gave; the public functions know the defaults of the others."""
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def whole(minimum: int) -> Callable[[str], int]:
    """The type of an argument that counts."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", text) or int(text) < minimum:
            raise argparse.ArgumentTypeError(f"must be a whole number of at least {minimum}, got {text!r}")
        return int(text)

    return parse


def share(text: str) -> float:
    """The type of an argument between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be a number between 0 and 1, got {text!r}")
    return value


def folder_name(*parts: str) -> str:
    """Parts joined to one name that is safe as a folder's."""
    return "-".join(re.sub(r"[^\w.+]+", "-", part).strip("-.") or "graph" for part in parts)


def graph_name(spec: str) -> str:
    """What to call a graph that the user gave as a data set's name or as a path."""
    from pathlib import Path

    name = Path(spec).resolve().name if "/" in spec or spec in (".", "..") else spec
    return re.sub(r"\.(txt|tsv|csv|parquet|nt|ttl)(\.gz)?$", "", name)
