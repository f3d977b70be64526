"""The one folder in which everything about a run lies.

run.json                what was asked for; versions, hardware, seed
space.yaml              a copy of the user's own space, where there is one
first.json              what racing begins with, kept for all later sittings
clipped.json            sizes that memory could hold at the first sitting, kept for all later ones
state.json              budget used so far
graph/                  the graph, binary
subgraph/graph/         the subgraph, binary, with entity_ids.npy and relation_ids.npy beside it
study.sqlite            all trials, unless run.json names a database
models/                 parameters of the best trial and of the default configuration
log.txt                 what happened, line by line
events.csv              the same as a table, with all learning curves
best.yaml               the best configuration, as `kgtuner train --config` takes it
best.safetensors        its parameters
calibration.json        how its scores become probabilities, once somebody asked for them
trials.csv              the trials as a table
results.json            the end: metrics, times, where everything lies
report.html             all of it to look at, in one file
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from kgtuner.errors import ConfigError, RunError
from kgtuner.files import WRITING, replacing

if TYPE_CHECKING:
    from kgtuner.execution.storage import TrialStore

T = TypeVar("T")

FORMAT = 2
READABLE = (1, FORMAT)
"""Formats that are read. What 2 added over 1 has a default: the executor, and a database elsewhere."""

CLIPPED = "clipped.json"
DEFAULTS = "defaults.json"
FIRST = "first.json"

BEGINNING = {"graph", "models", "lock", "space.yaml", "best.yaml", "run.json"}
"""What is in the folder when a run begins, all of it or nothing."""

WORKPLACE = ".graph."
"""How the names of folders begin in which a graph is written before it takes its place."""

LONGEST_NAME = 150
"""Bytes of a graph's name that become part of a folder's; file systems take 255."""

LIBRARIES = ("torch", "numpy", "scikit-learn", "optuna")


class RunFolder:
    """Paths and small files of a run; only one process works in it at a time."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        here = self.path.absolute()  # for tasks, which may run in another folder or on another machine
        self.graph = here / "graph"
        self.subgraph = here / "subgraph"
        self.study = self.path / "study.sqlite"
        self.models = self.path / "models"
        self.space = self.path / "space.yaml"
        self.log = self.path / "log.txt"
        self.events = self.path / "events.csv"
        self.best_config = self.path / "best.yaml"
        self.best_model = self.path / "best.safetensors"
        self.trials = self.path / "trials.csv"
        self.checkpoint = self.path / "checkpoint.safetensors"
        self._lock: IO[str] | None = None
        self._found: set[str] = set()

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / "run.json").exists()

    @property
    def storage(self) -> tuple[str, str] | None:
        """URL and mark of the run in a database elsewhere; None where its trials lie in the folder.

        Raises:
            RunError: when run.json cannot be read.
        """
        kept = self.read("run.json").get("storage") if self.exists else None
        if kept is None:
            return None
        try:
            return str(kept["url"]), str(kept["run"])
        except (TypeError, KeyError) as error:
            raise RunError(f"{self.path / 'run.json'} is damaged ({error!r}); restore it") from None

    @property
    def has_trials(self) -> bool:
        """Whether there is a database to look into."""
        return self.study.exists() or self.storage is not None

    def open_store(self) -> TrialStore:
        """The run's trials, in the folder or wherever the run was told to keep them.

        Raises:
            RunError: when they cannot be read.
        """
        from kgtuner.execution.storage import TrialStore  # it brings Optuna, which a training does without

        elsewhere = self.storage
        try:
            return TrialStore(self.study) if elsewhere is None else TrialStore(*elsewhere)
        except ConfigError as error:  # of what run.json says
            raise RunError(f"cannot open the trials of {self.path}: {error}") from None

    @property
    def free(self) -> bool:
        """Whether a run can begin here: nothing is there, or what a run left that was killed as it began."""
        if not os.path.lexists(self.path):
            return True
        if not self.path.is_dir() or self.exists:
            return False
        names = set(os.listdir(self.path))
        begun = "lock" in names or names == {"models"}  # in the order of `create` and `lock`
        ours = all(n in BEGINNING or n.startswith(WORKPLACE) or n.endswith(".partial") for n in names)
        trained = (self.models.is_dir() and any(self.models.iterdir())) or self.best_model.exists()
        return not names or (begun and ours and not trained)

    def create(self) -> None:
        """Make the folder.

        Raises:
            RunError: when it cannot be made, or holds something that is not a run of ours.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._found = set(os.listdir(self.path))
            self.models.mkdir(exist_ok=True)
        except OSError as error:
            raise RunError(
                f"cannot make the run folder {self.path}: {error.strerror}; choose another --output"
            ) from None

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Take away what was written since `create` if the beginning of a run fails or is interrupted.

        Else the folder would be neither a run to go on with nor free for a new one.
        """
        try:
            self._drop_workplaces()  # of a process that was killed: we hold the lock
            yield
        except BaseException:
            self._drop_workplaces()
            for name in BEGINNING - self._found:
                item = self.path / name
                if item.is_dir():
                    shutil.rmtree(item, ignore_errors=True)
                else:
                    item.unlink(missing_ok=True)
            if not self._found:
                with suppress(OSError):  # somebody works or looks in it: an empty folder is as good as none
                    self.path.rmdir()
            raise

    def _drop_workplaces(self) -> None:
        for unfinished in self.path.glob(f"{WORKPLACE}*"):
            shutil.rmtree(unfinished, ignore_errors=True)

    def lock(self) -> None:
        """Keep other processes out until this one ends, and take away what a killed one was in the middle of writing.

        Raises:
            RunError: when another process works here.
        """
        try:
            self._lock = open(self.path / "lock", "w")  # noqa: SIM115 - held as long as the run
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.unlock()
            raise RunError(
                f"another process is working in {self.path}; wait for it or choose another --output"
            ) from None
        except OSError as error:
            raise RunError(f"cannot write in {self.path}: {error.strerror}") from None
        for place in (self.path, self.models):
            for stale in place.glob(f"{WRITING}*.partial"):
                shutil.rmtree(stale, ignore_errors=True)

    def unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def decided(
        self, name: str, decide: Callable[[], dict[str, Any]], understood: Callable[[dict[str, Any]], T]
    ) -> T:
        """What the first sitting of a run decided and wrote into a file, the same in all later ones.

        With something else later, what a search asked for before would not be found in the store.

        Raises:
            RunError: when the file is damaged.
        """
        path = self.path / name
        if not path.exists():
            self.write(name, {"format": FORMAT, **decide()})
        try:
            return understood(self.read(name))
        except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
            raise RunError(f"{path} is damaged ({error}); restore it or start a new run") from None

    def write(self, name: str, value: dict[str, Any]) -> None:
        """Write a small JSON file in one step.

        Raises:
            RunError: when it cannot be written, as on a full disk.
        """
        self.write_text(name, json.dumps(value, indent=1, allow_nan=True) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """As `write`, for any text."""
        with replacing(self.path / name) as partial:
            partial.write_text(text, encoding="utf-8")

    def read(self, name: str) -> dict[str, Any]:
        """Read a small JSON file.

        Raises:
            RunError: when it is missing, damaged or from another version.
        """
        target = self.path / name
        try:
            value = json.loads(target.read_text(encoding="utf-8"))
        except FileNotFoundError:
            what = "is not a run folder" if self.path.is_dir() else "does not exist"
            raise RunError(
                f"{self.path} {what}: {name} is missing; give the --output of an earlier run"
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"{target} is damaged ({error}); restore it or start a new run") from None
        if not isinstance(value, dict) or value.get("format", FORMAT) not in READABLE:
            raise RunError(f"{target} was written by another version of KGTuner; start a new run")
        return value


def default_place(graph: str, models: Sequence[str]) -> Path:
    """runs/<graph>-<model>, whatever the graph is called: what could lead out of runs/ becomes an underscore."""
    name = re.sub(r"^\.+|[\x00-\x1f\x7f/\\]", "_", graph).encode("utf-8", "replace")[:LONGEST_NAME]
    return Path("runs") / f"{name.decode('utf-8', 'ignore')}-{'-'.join(models)}"


def environment() -> dict[str, Any]:
    """Versions and hardware, for the record."""
    import psutil

    from kgtuner import __version__

    return {
        "kgtuner": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in LIBRARIES},
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
