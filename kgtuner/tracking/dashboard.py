"""optuna-dashboard on a copy of a run's study: the run itself is neither written nor locked."""

from __future__ import annotations

import json
import logging
import signal
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from socketserver import ThreadingMixIn
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from kgtuner.errors import ConfigError, RunError
from kgtuner.tracking.extras import require
from kgtuner.tuning.run_folder import RunFolder
from kgtuner.types import Clock

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"
COPY_EVERY = 2.0
"""Seconds between looks at whether the study has changed; the page itself asks every ten."""


def copy_study(study: Path, target: Path) -> None:
    """Copy a study as it stands, also while a run writes to it, and leave no file beside it.

    The copy is made by sqlite's own backup over a read-only connection, whose reading never makes the run's
    writing wait. A database that nobody has open is read as one that does not change: otherwise even reading
    would put its two files for writers into the run folder.

    Raises:
        sqlite3.Error: when it cannot be read.
    """
    log = study.with_name(study.name + "-wal")
    closed = not log.exists()
    _backup(study, "mode=ro&immutable=1" if closed else "mode=ro", target)
    if closed and log.exists():  # a run has begun meanwhile
        _backup(study, "mode=ro", target)


def _backup(study: Path, how: str, target: Path) -> None:
    address = f"file:{quote(str(study.absolute()))}?{how}"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=10)) as reading,
        closing(sqlite3.connect(target, timeout=10)) as writing,
    ):
        reading.backup(writing)


class StudyCopy:
    """A copy of a study that follows it.

    Args:
        study: the run's own database.
        target: the copy.
        clock: seconds that only grow.

    Raises:
        sqlite3.Error: when the first copy cannot be made.
    """

    def __init__(self, study: Path, target: Path, clock: Clock = time.monotonic) -> None:
        self.study, self.target = study, target
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = clock()
        self._state = self._now()
        copy_study(study, target)

    def follow(self) -> None:
        """Copy again if the study has changed; where that fails the last copy stays."""
        with self._lock:
            if self._clock() - self._looked < COPY_EVERY:
                return
            self._looked = self._clock()
            state = self._now()
            if state == self._state:
                return
            with suppress(sqlite3.Error, OSError):
                copy_study(self.study, self.target)
                self._state = state

    def _now(self) -> list[tuple[int, int]]:
        files = (self.study, self.study.with_name(self.study.name + "-wal"))
        return [(s.st_size, s.st_mtime_ns) for f in files if f.exists() for s in [f.stat()]]


class ReadOnly:
    """Lets a browser on this machine look, and nobody change anything.

    Args:
        app: the dashboard.
        before: called before each request for data.
    """

    def __init__(self, app: WSGIApplication, before: Callable[[], None]) -> None:
        self._app = app
        self._before = before

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "").partition(":")[0]
        if host not in (HOST, "localhost"):  # a foreign page whose name was made to point here
            return _refuse(start_response, f"the dashboard answers to {HOST} and localhost only")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _refuse(start_response, "this dashboard shows a copy of the run; it changes nothing")
        if environ.get("PATH_INFO", "").startswith("/api/"):
            self._before()
        return self._app(environ, start_response)


def _refuse(start_response: StartResponse, reason: str) -> list[bytes]:
    body = json.dumps({"reason": reason}).encode()
    start_response(
        "403 Forbidden", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a request is no news."""


def serve(output: str | Path, port: int, on_ready: Callable[[str], None]) -> str:
    """Show the study of a tuning run in a browser until somebody interrupts.

    Args:
        output: the run folder; the run may be going on.
        port: on 127.0.0.1; 0 takes a free one.
        on_ready: called with the address as soon as it answers.

    Returns:
        The address that was served.

    Raises:
        ConfigError: when optuna-dashboard is not installed or the port is taken.
        RunError: when the folder holds no study.
    """
    require("optuna_dashboard", "dashboard", "kgtuner dashboard")
    folder = RunFolder(output)
    if folder.read("run.json").get("kind") != "tune":
        raise RunError(f"{output} is a single training, which has no study; give the folder of a tuning")
    if folder.storage is not None:
        place = folder.storage[0]
        address = (
            "postgresql+psycopg:" + place.partition(":")[2]
        )  # the driver that kgtuner[postgres] installs
        raise RunError(f"the trials of {output} lie in {place}; look at them by: optuna-dashboard {address}")
    if not folder.study.exists():
        raise RunError(f"{output} has no trials yet; wait for the first, or: kgtuner tune --resume {output}")
    with TemporaryDirectory(prefix="kgtuner-dashboard-") as place:
        try:
            copy = StudyCopy(folder.study, Path(place) / "study.sqlite")
        except sqlite3.Error as error:
            raise RunError(f"cannot read {folder.study}: {error}") from None
        server = _listen(port)
        before = _interrupt_on_termination()
        try:
            server.set_app(ReadOnly(_dashboard(copy.target), copy.follow))
            address = f"http://{HOST}:{server.server_port}/"
            on_ready(address)
            with suppress(KeyboardInterrupt), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of importances over a few trials, once for each request
                server.serve_forever(poll_interval=0.2)
        finally:
            server.server_close()
            if before is not None:
                signal.signal(signal.SIGTERM, before)
    return address


def _listen(port: int) -> _Server:
    try:
        server = _Server((HOST, port), _Quiet)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {HOST}:{port} ({error.strerror}); choose another --port, 0 for any free one"
        ) from None
    return server


def _dashboard(study: Path) -> WSGIApplication:
    from optuna_dashboard import wsgi

    logging.getLogger("optuna_dashboard").setLevel(logging.ERROR)
    app: WSGIApplication = wsgi(f"sqlite:///{study}")
    return app


def _interrupt_on_termination() -> Callable[[int, FrameType | None], Any] | int | None:
    """End by SIGTERM as by Ctrl-C, so that the copy is taken away; in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(signal.SIGTERM, signal.default_int_handler)
