"""TensorBoard: a run for each trial, with its curves and its hyper-parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgtuner.tracking.extras import require
from kgtuner.tuning.events import (
    Event,
    RunEnded,
    RunStarted,
    TrialEnded,
    TrialProgress,
    TrialStarted,
    metric_of,
)

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoardTracker:
    """Writes event files to `<folder>/<run>/<stage>-<trial>/`; look at them with `tensorboard --logdir <folder>`.

    Curves are `metric/<name>` and `loss` by step. The hyper-parameters of a trial that ended well stand beside
    `hparam/<name>`, its value, in the HPARAMS tab; why one failed is the text `failed`.

    Args:
        folder: made when it does not exist.

    Raises:
        ConfigError: when tensorboard is not installed.
    """

    name = "TensorBoard"

    def __init__(self, folder: str | Path) -> None:
        require("torch.utils.tensorboard", "tensorboard", "tracking with TensorBoard")
        self.folder = Path(folder)
        self._run = self.folder / "run"
        self._metric = "mrr"
        self._running: dict[tuple[str, int], tuple[SummaryWriter, dict[str, Any]]] = {}  # by stage and number

    def notify(self, event: Event, elapsed: float, remaining: float | None) -> None:
        """Write what belongs to a trial; it is on disk when the trial ends.

        Raises:
            OSError: when it cannot be written.
        """
        match event:
            case RunStarted():
                self._run = self.folder / event.output.absolute().name
                self._metric = str(event.settings.get("metric", "mrr"))
            case TrialStarted():
                chosen = {name: _value(value) for name, value in event.assignment.items()}
                writer = _writer(self._run / f"{event.stage}-{event.number}")
                self._running[event.stage, event.number] = writer, chosen
            case TrialProgress() if (event.stage, event.number) in self._running:
                writer, _ = self._running[event.stage, event.number]
                writer.add_scalar(f"metric/{self._metric}", metric_of(event.metric, self._metric), event.step)
                if event.loss is not None:
                    writer.add_scalar("loss", event.loss, event.step)
                writer.flush()
            case TrialEnded() if (event.stage, event.number) in self._running:
                writer, chosen = self._running.pop((event.stage, event.number))
                if event.value is None:
                    writer.add_text("failed", event.reason or "failed")
                else:
                    reached = {f"hparam/{self._metric}": metric_of(event.value, self._metric)}
                    writer.add_hparams(chosen, reached, run_name=".")
                writer.close()
            case RunEnded():
                while self._running:
                    _, (writer, _) = self._running.popitem()
                    writer.close()


def _writer(folder: Path) -> SummaryWriter:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(log_dir=str(folder))


def _value(value: Any) -> bool | int | float | str:
    """A hyper-parameter as one of the types that TensorBoard takes."""
    return value if isinstance(value, bool | int | float | str) else str(value)
