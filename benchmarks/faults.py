"""What a run survives: kills, faults in trainings, a full disk, a clock that jumps, a database that is locked or gone.

    python benchmarks/faults.py                     # goes on with what benchmarks/results/faults.json counts
    python benchmarks/faults.py --kinds ray         # a node of a real Ray cluster is killed
    python benchmarks/faults.py --quick             # one of each, nothing is kept

Each case is a short run on a made-up graph in a process of its own, which is forked from this one so that it need not
import for seconds, and so are its workers. After every sitting it is asked: is each trial whose end
was told to the log before still in the study with its value, are all processes of the sitting gone, and does the run
go on to its end?
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

import kgtuner as kt
import kgtuner.api.tuning
from benchmarks import record
from benchmarks.faulty.forked import Faulty, start_by_forking
from kgtuner.errors import KGTunerError
from kgtuner.execution import storage
from kgtuner.execution.executor import Executor
from kgtuner.execution.storage import value_of

ASKED = {
    "coordinator": 200,
    "worker": 200,
    "fault": 100,
    "disk": 10,
    "clock": 10,
    "locked": 10,
    "postgres": 10,
    "postgres gone": 5,
}
SITTING = 900.0  # seconds after which a sitting counts as hanging
TRIALS = 8
PLACE = "/dev/shm" if os.path.isdir("/dev/shm") else None
"""Where runs lie: in memory. What is killed here is a process, not the machine, so nothing has to reach a disk."""

SPACE = """\
base: reduced
parameters: {model.dimension: 16, negatives.num_negatives: 32, optimizer.learning_rate: {low: 1e-3, high: 1e-1}}
"""


def ring(n: int = 120) -> kt.KnowledgeGraph:
    """Entities on a ring, linked by two fixed distances."""
    entity = np.arange(n)
    parts = [
        np.column_stack([entity, np.full(n, r), (entity + step) % n]) for r, step in enumerate((1, -1, 3))
    ]
    return kt.KnowledgeGraph.from_arrays(np.concatenate(parts), name="ring", seed=0)


class Bench:
    """Counts of everything, and the ways to start a sitting and to look at what it left."""

    def __init__(self, counts: dict[str, Any], seed: int) -> None:
        self.counts: Counter[str] = Counter(counts)
        self.random = random.Random(f"{seed} {sum(self.counts.values())}")
        self.graph = ring()
        self.troubles: list[str] = []

    def trouble(self, what: str, folder: Path, said: str = "") -> None:
        self.counts[what] += 1
        self.troubles.append(f"{what} in {folder}: {said}")
        print("TROUBLE", self.troubles[-1], flush=True)

    def sitting(
        self,
        folder: Path,
        executor: Callable[[], Executor],
        before: Callable[[], None] = lambda: None,
        url: str | None = None,
    ) -> int:
        """Begin a run, or go on with it, in a process and session of its own; its process id."""
        child = os.fork()
        if child:
            return child
        code = 99
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            out = os.open(said_by(folder), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(null, 0), os.dup2(out, 1), os.dup2(out, 2)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            kgtuner.api.tuning.report_at_end = lambda path: None  # a page for people, seconds to make
            before()
            if (folder / "run.json").exists():
                kt.resume(folder, executor=executor())
            else:
                space = folder.parent / "space.yaml"
                space.write_text(SPACE)
                options: dict[str, Any] = {
                    "model": "distmult",
                    "trials": TRIALS,
                    "max_steps": 6,
                    "space": space,
                }
                kt.tune(
                    self.graph,
                    output=folder,
                    executor=executor(),
                    storage=url,
                    two_stages=False,
                    algorithm="random",
                    **options,
                )
            code = 0
        except KGTunerError as error:
            print(f"{type(error).__name__}: {error}", flush=True)
            code = error.exit_code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)

    def end(self, pid: int, folder: Path) -> int | None:
        """Wait for the end of a sitting: its exit code, None when it had to be killed because it hung."""
        until = time.monotonic() + SITTING
        while time.monotonic() < until:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        self.trouble("sittings that hung", folder, said_by(folder).read_text()[-500:])
        self.kill(pid)
        return None

    def kill(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)

    def check(self, pid: int, folder: Path) -> None:
        """Nothing of a sitting that is over still runs, and no trial that was told to have ended is lost."""
        until = time.monotonic() + 10
        while (left := in_session(pid)) and time.monotonic() < until:
            time.sleep(0.02)
        if left:
            self.trouble("orphan processes", folder, str(left))
            for process in left:
                process.kill()
        self.counts["sittings"] += 1
        told = told_to_have_ended(folder)
        if told:
            store = kt_store(folder)
            kept = {t.number: value_of(t) for t in store.trials("full")}
            store.close()
            lost = [number for number, value in told.items() if kept.get(number) != value]
            self.counts["finished trials checked"] += len(told)
            for number in lost:
                self.trouble("finished trials lost", folder, f"{number}: {told[number]}, {kept.get(number)}")

    def finish(self, folder: Path, executor: Callable[[], Executor], url: str | None = None) -> None:
        """Let a run go on to its end, undisturbed, and look at what came of it."""
        pid = self.sitting(folder, executor, url=url)
        code = self.end(pid, folder)
        self.check(pid, folder)
        self.counts["runs"] += 1
        try:
            if code != 0:
                raise RuntimeError(f"exit code {code}: {said_by(folder).read_text()[-600:]}")
            result = kt.load_run(folder)
            ended = result.trials["state"].isin(["complete", "stopped", "failed"]).sum()
            if result.stopped_by != "trials" or ended != TRIALS or result.test is None:
                raise RuntimeError(f"{result.stopped_by}, {ended} trials")
            failed = result.trials[result.trials["state"] == "failed"]
            if failed["reason"].isna().any():
                raise RuntimeError("a failed trial without a reason")
            self.counts.update(f"trials that failed: {reason}" for reason in failed["reason"])
        except (KGTunerError, RuntimeError) as error:
            self.trouble("runs that could not be resumed", folder, str(error))
        else:
            shutil.rmtree(folder.parent, ignore_errors=True)
            said_by(folder).unlink(missing_ok=True)

    def folder(self) -> Path:
        return Path(tempfile.mkdtemp(prefix="kgtuner-faults-", dir=PLACE)) / "run"


def said_by(folder: Path) -> Path:
    """What a sitting printed; not on the disk that may be full."""
    return Path(tempfile.gettempdir()) / f"{folder.parents[0].name}-{folder.parents[1].name}.out"


def in_session(session: int) -> list[psutil.Process]:
    """Processes that a sitting started and that still run."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def told_to_have_ended(folder: Path) -> dict[int, float]:
    """Number and value of the trials whose end is in the log."""
    log = folder / "log.txt"
    lines = log.read_text().splitlines() if log.exists() else []
    pattern = r"TrialEnded\(stage='full', number=(\d+), value=([-\d.e]+),"
    return {int(m[1]): float(m[2]) for line in lines if (m := re.search(pattern, line))}


def kt_store(folder: Path) -> Any:
    from kgtuner.tuning.run_folder import RunFolder

    return RunFolder(folder).open_store()


def two() -> Executor:
    return kt.Local(2)


def coordinator(bench: Bench) -> None:
    """Kill -9 of the coordinator at any instant, again and again, until the run has ended by itself."""
    folder = bench.folder()
    for _ in range(8):
        pid = bench.sitting(folder, two)
        time.sleep(bench.random.choice([0.3, 1.0, 3.0]) * bench.random.random())
        done, _ = os.waitpid(pid, os.WNOHANG)
        if done:
            bench.check(pid, folder)
            break
        bench.kill(pid)
        bench.counts["coordinator"] += 1
        bench.check(pid, folder)
    bench.finish(folder, two)


def worker(bench: Bench) -> None:
    """Kill -9 of workers at any instant of a run, which goes on by itself."""
    folder = bench.folder()
    pid = bench.sitting(folder, two)
    until = time.monotonic() + 20
    kills = 0
    while kills < 8 and time.monotonic() < until:
        time.sleep(0.4 * bench.random.random())
        try:
            children = psutil.Process(pid).children()
        except psutil.NoSuchProcess:
            break
        if children and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            with suppress(psutil.NoSuchProcess):
                bench.random.choice(children).kill()
                kills += 1
    bench.counts["worker"] += kills
    bench.end(pid, folder)
    bench.check(pid, folder)
    bench.finish(folder, two)


def fault(bench: Bench) -> None:
    """NaN, out of memory and hangs in trainings."""
    folder = bench.folder()
    told, seed = folder.parent / "told", bench.random.randrange(2**31)

    def faulty() -> Executor:
        return Faulty(2, told=told, share=0.3, seed=seed, silent_after=6.0, idle_after=6.0)

    pid = bench.sitting(folder, faulty)
    bench.end(pid, folder)
    bench.check(pid, folder)
    kinds = told.read_text().splitlines() if told.exists() else []
    bench.counts["fault"] += len(kinds)
    bench.counts.update(f"fault: {kind}" for kind in kinds)
    bench.finish(folder, two)


def disk(bench: Bench) -> None:
    """A disk that fills up at any instant; once there is space, the run goes on."""
    with small_disk() as place:
        folder = place / "of" / "run"
        folder.parent.mkdir()
        pid = bench.sitting(folder, two)
        time.sleep(1.5 * bench.random.random())
        filler = place / "filler"
        with suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 65536)
        code = bench.end(pid, folder)
        filler.unlink()
        bench.counts["disk"] += 1
        bench.counts[f"disk: exit code {code}"] += 1
        if code not in (0, 4):
            bench.trouble("errors that are not one sentence", folder, said_by(folder).read_text()[-500:])
        bench.check(pid, folder)
        bench.finish(folder, two)


@contextmanager
def small_disk() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="kgtuner-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        with suppress(OSError):
            place.rmdir()


def clock(bench: Bench) -> None:
    """The wall clock jumps by up to a month, back and forth, at every look."""
    folder = bench.folder()
    chance, real = random.Random(bench.random.random()), time.time

    def jump() -> None:
        time.time = lambda: real() + chance.uniform(-30, 30) * 86_400

    pid = bench.sitting(folder, two, before=jump)
    bench.counts["clock"] += 1
    bench.end(pid, folder)
    bench.check(pid, folder)
    bench.finish(folder, two)


def locked(bench: Bench) -> None:
    """Another process holds the sqlite file locked for seconds; the run waits and goes on."""
    folder = bench.folder()
    pid = bench.sitting(folder, two)
    study = folder / "study.sqlite"
    until = time.monotonic() + 30
    while not told_to_have_ended(folder) and time.monotonic() < until:
        time.sleep(0.02)
    if study.exists():
        connection = sqlite3.connect(study, timeout=10, isolation_level=None)
        with suppress(sqlite3.OperationalError):
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(1 + 3 * bench.random.random())
            connection.execute("COMMIT")
            bench.counts["locked"] += 1
        connection.close()
    code = bench.end(pid, folder)
    if code not in (0, None):
        bench.trouble("runs ended by a lock", folder, said_by(folder).read_text()[-500:])
    bench.check(pid, folder)
    bench.finish(folder, two)


def with_postgres(bench: Bench, *, comes_back: bool) -> None:
    """A PostgreSQL server is killed during a run; it comes back after seconds, or only after the run gave up."""
    from benchmarks.faulty.postgres import Postgres

    server = Postgres()
    try:
        folder = bench.folder()

        def impatient() -> None:
            storage.PATIENCE = 3.0

        pid = bench.sitting(folder, two, url=server.url, before=impatient if not comes_back else lambda: None)
        until = time.monotonic() + 30
        while not told_to_have_ended(folder) and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(bench.random.random())
        server.kill()
        if not comes_back:
            code = bench.end(pid, folder)
            if code not in (0, 4):
                bench.trouble("errors that are not one sentence", folder, said_by(folder).read_text()[-500:])
            bench.counts[f"postgres gone: exit code {code}"] += 1
        else:
            time.sleep(1 + 2 * bench.random.random())
        server.start()
        if comes_back:
            code = bench.end(pid, folder)
            if code != 0:
                bench.trouble("runs ended by a lock", folder, said_by(folder).read_text()[-500:])
        bench.counts["postgres" if comes_back else "postgres gone"] += 1
        bench.check(pid, folder)
        bench.finish(folder, two, url=server.url)
    finally:
        server.close()


CASES: dict[str, Callable[[Bench], None]] = {
    "coordinator": coordinator,
    "worker": worker,
    "fault": fault,
    "disk": disk,
    "clock": clock,
    "locked": locked,
    "postgres": lambda bench: with_postgres(bench, comes_back=True),
    "postgres gone": lambda bench: with_postgres(bench, comes_back=False),
}
MUST_BE_NONE = (
    "finished trials lost",
    "runs that could not be resumed",
    "orphan processes",
    "sittings that hung",
    "errors that are not one sentence",
    "runs ended by a lock",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one case of the cheap kinds, nothing is kept")
    parser.add_argument("--kinds", nargs="*", choices=[*CASES, "ray"], default=list(CASES))
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    path = record.RESULTS / "faults.json"
    old = json.loads(path.read_text()) if path.exists() and not args.quick else {}
    if args.kinds == ["ray"]:
        from benchmarks.faulty.ray_node import node_killed

        outcome = node_killed()
        print(json.dumps(outcome, indent=1))
        if not args.quick:
            record.write("faults", {key: old[key] for key in old if key != "environment"} | {"ray": outcome})
        return
    start_by_forking()
    bench = Bench(old.get("counts", {}), args.seed)
    kinds = ["coordinator", "worker"] if args.quick else args.kinds
    until = time.monotonic() + 60 * args.minutes
    while time.monotonic() < until:
        left = [k for k in kinds if bench.counts[k] < (1 if args.quick else ASKED[k])]
        if not left:
            break
        kind = min(left, key=lambda k: bench.counts[k] / ASKED[k])
        CASES[kind](bench)
        if not args.quick:
            kept = {key: value for key, value in old.items() if key not in ("environment", "counts")}
            kept["troubles"] = [*old.get("troubles", []), *bench.troubles]
            record.write("faults", kept | {"asked": ASKED, "counts": dict(sorted(bench.counts.items()))})
        print(kind, {k: bench.counts[k] for k in ASKED}, flush=True)
    wrong = {name: bench.counts[name] for name in MUST_BE_NONE if bench.counts[name]}
    print("wrong:", wrong or "nothing")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
