"""Which parameters and checkpoints of a run are kept on disk: those of its best, and of what still trains."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from kgtuner.execution.storage import value_of

DEFAULT = "default"
"""Attribute of a trial that trains a default configuration: the name of its model."""

ORIGIN = (
    "origin"  # in a trial's notes: the number under which its training began, if an interruption cut it off
)
AGAIN = "again"
"""Attribute of a trial that goes on where another one stopped: that trial's number."""

UNFINISHED = "subgraph-"
"""How the checkpoints of stage one begin; nothing goes on from them once their training has ended."""


class KeptModels:
    """The folder of parameters and checkpoints.

    Args:
        folder: made by the run folder.
        slots: how many trainings run at once: as many of the best may still go on.

    Attributes:
        may_go_on: checkpoints that a strategy may go on from, kept until they are taken out of here.
    """

    def __init__(self, folder: Path, slots: int = 1) -> None:
        self.folder = folder
        self.slots = slots
        self.may_go_on: set[Path] = set()

    def model(self, number: int) -> Path:
        """Parameters of a trial on the full graph."""
        return (self.folder / f"trial-{number}.safetensors").absolute()

    def checkpoint(self, trial: Trial | FrozenTrial) -> Path:
        """Where a training that begins with this trial is kept; the same when it was cut off and is made again."""
        return (self.folder / f"checkpoint-{_began_as(trial)}.safetensors").absolute()

    def unfinished(self, trial: Trial) -> Path:
        """Where a training on the subgraph is kept while it runs; the same when it was cut off and is made again."""
        return (self.folder / f"{UNFINISHED}{_began_as(trial)}.safetensors").absolute()

    def drop_unfinished(self, file: Path | None = None) -> None:
        """Take away what is kept of one training on the subgraph that has ended, or of all."""
        for found in self.folder.glob(f"{UNFINISHED}*" if file is None else f"{file.name}*"):
            found.unlink(missing_ok=True)

    def named_checkpoint(self, name: str) -> Path:
        """Where a training is kept that a strategy may ask to go on: by what is trained, not by a trial's number."""
        return (self.folder / f"checkpoint-{name}.safetensors").absolute()

    def root(self, study: Study, trial: FrozenTrial) -> FrozenTrial:
        """The trial with which a training began that perhaps went on in others."""
        while AGAIN in trial.user_attrs:
            trial = study.get_trials(deepcopy=False)[trial.user_attrs[AGAIN]]
        return trial

    def drop_checkpoints(self, keep: Collection[Path] = ()) -> None:
        keep = {*keep, *self.may_go_on}
        for file in self.folder.glob("checkpoint-*.safetensors*"):
            if file.absolute() not in keep and file.absolute().with_suffix("") not in keep:
                file.unlink(missing_ok=True)

    def sweep(self, study: Study, running: Collection[Path] = ()) -> None:
        """Keep the parameters of the best trial and of the defaults, and what may still go on.

        Args:
            running: files that trainings of this moment write.
        """
        trials = study.get_trials(deepcopy=False)
        finished = [t for t in trials if value_of(t) is not None]
        best_first = sorted(finished, key=lambda t: -(value_of(t) or 0.0))
        models = {self.model(t.number) for t in finished if t.user_attrs.get(DEFAULT)}
        models |= {self.model(t.number) for t in best_first[:1]}
        for file in self.folder.glob("trial-*.safetensors"):
            if file.absolute() not in models and file.absolute() not in running:
                file.unlink(missing_ok=True)
        kept: list[Path] = []
        for trial in best_first:  # of a training that went on several times there is one checkpoint
            if len(kept) > self.slots:
                break
            if trial.user_attrs.get(DEFAULT):
                continue  # kept in any case
            file = self.checkpoint(self.root(study, trial))
            if file not in kept:
                kept.append(file)
        defaults = {self.checkpoint(self.root(study, t)) for t in finished if t.user_attrs.get(DEFAULT)}
        waiting = {self.checkpoint(t) for t in trials if t.state == TrialState.WAITING}
        self.drop_checkpoints({*kept, *defaults, *waiting, *running})


def _began_as(trial: Trial | FrozenTrial) -> int:
    """The number of the trial in which its training began; one that can still take notes is told."""
    number: int | None = trial.user_attrs.get(ORIGIN)
    if number is None and isinstance(trial, Trial):
        trial.set_user_attr(ORIGIN, trial.number)
    return trial.number if number is None else number
