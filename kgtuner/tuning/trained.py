"""What a single training hands back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgtuner.prediction import LinkPredictor

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class TrainResult:
    """One training and where it lies.

    Attributes:
        report: `RunResult.to_mapping()`.
        output: the folder, None when nothing was written.
        model: ready to predict and to be evaluated.
    """

    report: dict[str, Any]
    output: Path | None
    model: LinkPredictor

    def plot_curve(self) -> go.Figure:
        """Validation over the seconds of the training, as a plotly figure."""
        from kgtuner.plots.curves import training_figure

        return training_figure(self.report)

    def _repr_html_(self) -> str:
        from kgtuner.tuning.notebook import trained_html

        return trained_html(self)

    def to_mapping(self) -> dict[str, Any]:
        return {**self.report, "output": None if self.output is None else str(self.output)}
