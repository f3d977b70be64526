"""Several observers of one run, none of which can harm it."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from kgtuner.tuning.events import Event, Observer


@dataclass(frozen=True)
class LeftOut:
    """An observer that raised: a sentence for the user, and the traceback for the log."""

    message: str
    traceback: str


def as_observers(given: Observer | Sequence[Observer] | None) -> list[Observer]:
    """What a caller gave as `observer`: none, one or several."""
    if given is None:
        return []
    return list(given) if isinstance(given, Sequence) else [given]


class Watchers:
    """Tells events to all observers; one that raises is left out from then on.

    Args:
        observers: in the order in which they are told.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = list(observers)

    def tell(self, event: Event, elapsed: float, remaining: float | None) -> list[LeftOut]:
        """Tell everybody, and return those that raised just now."""
        left_out = []
        for observer in tuple(self._observers):
            try:
                observer.notify(event, elapsed, remaining)
            except Exception as error:  # of somebody else's code: whatever it is, the run goes on
                self._observers.remove(observer)
                left_out.append(LeftOut(_sentence(observer, error), traceback.format_exc()))
        return left_out


def _sentence(observer: Observer, error: Exception) -> str:
    name = getattr(observer, "name", type(observer).__name__)
    what = " ".join(str(error).split())
    said = f"{type(error).__name__}: {what}" if what else type(error).__name__
    return f"{name} failed and is told no more; the run goes on ({said if len(said) <= 300 else said[:300] + '…'})"
