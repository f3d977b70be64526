"""An observer in a thread of its own: a slow server takes nothing from the budget."""

from __future__ import annotations

import queue
import threading

from kgtuner.tuning.events import Event, Observer, RunEnded

PATIENCE = 30.0
"""Seconds that the end of a run waits for what has not been told yet."""


class InBackground:
    """Passes events on from a thread, in order.

    What the observer raises there is raised here by the next event, and it is told no more.

    Args:
        observer: told from the thread only.
        patience: seconds.
    """

    def __init__(self, observer: Observer, patience: float = PATIENCE) -> None:
        self.name = getattr(observer, "name", type(observer).__name__)
        self._observer = observer
        self._patience = patience
        self._events: queue.SimpleQueue[tuple[Event, float, float | None]] = queue.SimpleQueue()
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        """Pass an event on; the last one of a run waits until all have arrived.

        Raises:
            Exception: what the observer raised since the event before.
            TimeoutError: when it has not come to the end of a run in time.
        """
        if self._error is not None:
            raise self._error
        self._events.put((event, elapsed, remaining))
        if self._thread is None:
            self._thread = threading.Thread(target=self._pass_on, name=f"kgtuner-{self.name}", daemon=True)
            self._thread.start()
        if isinstance(event, RunEnded):
            self._thread.join(self._patience)
            late = self._thread.is_alive()
            self._thread = None
            if self._error is not None:
                raise self._error
            if late:
                raise TimeoutError(f"not all events were taken within {self._patience:g} s of the end")

    def _pass_on(self) -> None:
        while True:
            event, elapsed, remaining = self._events.get()
            try:
                self._observer.notify(event, elapsed, remaining)
            except Exception as error:  # it belongs to the thread that tells us events
                self._error = error
                return
            if isinstance(event, RunEnded):
                return
