"""What runs on a Ray node: a task whose messages come back one by one, as it goes on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from functools import cache

from kgtuner.execution.tasks import Done, Failed, Message, Task
from kgtuner.execution.worker import Worker, signs_of_life


@cache
def _worker() -> Worker:
    """One for each process that Ray keeps, with the graphs it has opened."""
    return Worker()


def answers(task: Task) -> Iterator[Message]:
    """Carry out a task in a thread, and yield signs of life, validations and the end."""
    box: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def work() -> None:
        with signs_of_life(box.put):
            answer = _worker().answer(task, box.put)
        box.put(answer)

    threading.Thread(target=work, daemon=True).start()
    while True:
        message = box.get()
        yield message
        if isinstance(message, Done | Failed):
            return
