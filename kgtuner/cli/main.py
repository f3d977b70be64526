"""`kgtuner`: which command to run, what to print, and with which code to exit."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress

from kgtuner import __version__
from kgtuner.cli import (
    analyze,
    calibrate,
    classify,
    compare,
    dashboard,
    datasets,
    evaluate,
    export,
    import_config,
    neighbours,
    predict,
    report,
    train,
    tune,
)
from kgtuner.cli.arguments import Parser
from kgtuner.cli.outcome import BROKEN_PIPE, INTERRUPTED, Outcome, json_line
from kgtuner.errors import ConfigError, KGTunerError

EPILOG = """\
examples:
  kgtuner tune world --model complex --budget 2m
  kgtuner tune path/to/graph/ --model complex,rotate --trials 40
  kgtuner tune --resume runs/world-complex
  kgtuner train wn18rr --config configs/wn18rr/complex.yaml
  kgtuner evaluate runs/world-complex --split test
  kgtuner predict runs/world-complex --head France --relation borders
  kgtuner report runs/world-complex

exit codes:
  0    done
  1    another error
  2    wrong arguments or a wrong configuration: nothing was started
  3    a graph or a data set is wrong or missing
  4    a run folder is missing, in use, damaged or belongs to something else
  5    the training failed: it diverged, ran out of memory or was killed
       (tune: what was found is kept, but could not be ranked on test)
  130  interrupted; the best so far is printed, if there is any
  141  whoever read the output went away
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. A user's mistake is one sentence, never a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):  # a stream of somebody else's making
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _leave_pipe()
        return BROKEN_PIPE
    except SystemExit as end:  # after --help and --version
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt as interruption:
        # Python notes a Ctrl-C that passed through the exec() of a string, as when a dataclass is made while modules
        # are imported, and would end by that signal instead of with our exit code; the next exec() takes it away.
        exec("")
        return _fail(str(interruption) or "interrupted", INTERRUPTED, as_json)
    except KGTunerError as error:
        _show_traceback()
        return _fail(str(error), error.exit_code, as_json)
    except Exception as error:  # a bug: nothing more can be known about it, so it gets a sentence as well
        shown = _show_traceback()
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = "" if shown else "; set KGTUNER_TRACEBACK=1 to see where"
        return _fail(f"unexpected error, please report it: {what}{_log_hint(arguments)}{hint}", 1, as_json)


def build_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(
        "kgtuner", description="Hyper-parameter search for knowledge graph embedding models.", epilog=EPILOG
    )
    parser.add_argument("--version", action="version", version=f"kgtuner {__version__}")
    commands = parser.add_subparsers(metavar="command", parser_class=Parser)
    for module in (
        tune,
        train,
        evaluate,
        predict,
        classify,
        calibrate,
        analyze,
        neighbours,
        report,
        compare,
        dashboard,
        datasets,
        export,
        import_config,
    ):
        module.add(commands)
    return parser


def _run(arguments: list[str]) -> int:
    parser = build_parser()
    args, extra = parser.parse_known_args(arguments)
    chosen: Parser = getattr(args, "parser", parser)
    if extra:
        chosen.refuse(extra)
    if chosen is parser:
        raise ConfigError(
            f"a command is missing, for example tune, train, predict or datasets; {parser.prog} --help has them all"
        )
    outcome = _outcome(args)
    outcome.print(sys.stdout, as_json=args.json)
    return outcome.exit_code


def _outcome(args: argparse.Namespace) -> Outcome:
    if not args.json:
        result: Outcome = args.run(args)
        return result
    with redirect_stdout(sys.stderr):  # whatever a library prints must not stand beside the one JSON object
        result = args.run(args)
    return result


def _fail(message: str, code: int, as_json: bool) -> int:
    from kgtuner.report.text import printable

    try:
        print(f"kgtuner: {printable(message)}", file=sys.stderr)
        if as_json:
            print(json_line({"error": message, "exit_code": code}))
            sys.stdout.flush()
    except BrokenPipeError:
        _leave_pipe()
    return code


def _show_traceback() -> bool:
    wanted = os.environ.get("KGTUNER_TRACEBACK", "") not in ("", "0")
    if wanted:
        traceback.print_exc()
    return wanted


def _log_hint(arguments: list[str]) -> str:
    """Where the log of the run lies, if the arguments name a folder that has one."""
    for argument in arguments:
        log = os.path.join(argument.partition("=")[2] or argument, "log.txt")
        if os.path.isfile(log):
            return f"; the log is {log}"
    return ""


def _leave_pipe() -> None:
    """Keep the interpreter from complaining about the closed pipe when it flushes at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
