"""Where trials run, as options of a command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kgtuner.cli.arguments import whole
from kgtuner.errors import ConfigError

if TYPE_CHECKING:
    from kgtuner.execution.executor import Executor

NAMES = ("local", "ray", "inprocess")


def add_executor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=whole(1),
        metavar="N",
        help="trials at once (default: one for each core, 1 with --trials, one for each device, or as many as a Ray "
        "cluster has room for)",
    )
    parser.add_argument(
        "--devices", metavar="NAMES", help="such as cuda:0,cuda:1: dealt out to local workers in turn"
    )
    parser.add_argument(
        "--executor",
        choices=NAMES,
        help="local (default): processes on this machine; ray: a cluster; inprocess: for a debugger",
    )
    parser.add_argument(
        "--ray-address",
        metavar="HOST:PORT",
        help="an existing Ray cluster, or auto for the one of this machine",
    )
    parser.add_argument("--ray-gpus", type=float, metavar="N", help="GPUs of a trial on Ray (default 0)")


def executor_of(args: argparse.Namespace) -> Executor | None:
    """What the options ask for, None when they say nothing.

    Raises:
        ConfigError: when they do not fit together.
    """
    given = {
        "--workers": args.workers,
        "--devices": args.devices,
        "--ray-address": args.ray_address,
        "--ray-gpus": args.ray_gpus,
    }
    name = args.executor or ("ray" if args.ray_address is not None else "local")
    if args.executor is None and all(value is None for value in given.values()):
        return None
    takes = {
        "local": ("--workers", "--devices"),
        "ray": ("--workers", "--ray-address", "--ray-gpus"),
        "inprocess": (),
    }[name]
    wrong = [option for option, value in given.items() if value is not None and option not in takes]
    if wrong:
        raise ConfigError(f"the executor {name} does not take {', '.join(wrong)}: leave it out")
    if name == "inprocess":
        from kgtuner.execution.inprocess import InProcess

        return InProcess()
    if name == "ray":
        from kgtuner.execution.ray import Ray

        return Ray(args.ray_address, workers=args.workers, gpus=args.ray_gpus or 0.0)
    from kgtuner.execution.local import Local

    devices = [device.strip() for device in (args.devices or "").split(",") if device.strip()]
    return Local(args.workers, devices=devices)
