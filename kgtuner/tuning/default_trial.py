"""The default configuration as a trial on the full graph."""

from __future__ import annotations

from optuna.study import Study

from kgtuner.execution.storage import storage_errors
from kgtuner.tuning.kept_models import DEFAULT, ORIGIN
from kgtuner.tuning.memory_plan import fitted
from kgtuner.tuning.raising import usable
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.trials import FULL_STEPS, begun, limited
from kgtuner.tuning.under_way import StagePlan
from kgtuner.types import INTERRUPTED


def launch_default(run: TuningRun, plan: StagePlan, study: Study, model: str, seconds: float | None) -> bool:
    """Begin the default configuration of a model, unless it has been, well or badly."""
    tried = [t for t in study.get_trials(deepcopy=False) if t.user_attrs.get(DEFAULT) == model]
    if not run.settings.try_default or any(INTERRUPTED not in t.user_attrs for t in tried):
        return False
    with storage_errors(run.store.place):
        trial = study.ask()
        trial.set_user_attr(DEFAULT, model)
        for before in tried:  # it was cut off, and goes on from where it was
            trial.set_user_attr(ORIGIN, before.user_attrs.get(ORIGIN, trial.number))
        checkpoint = run.checkpoint_path(trial)
    config = fitted(run.default_of(model), plan.size, *usable(run.memory.free(), run.memory.on_host()))
    run.launch(plan, study, trial, limited(run, config, FULL_STEPS, seconds), checkpoint)
    return True


def offer_default(run: TuningRun, plan: StagePlan, study: Study, seconds: float | None) -> bool:
    """Begin the default configuration of the next model, as long as trials are left for what was found."""
    for number, model in enumerate(run.settings.models):
        room = number == 0 or plan.trials is None or begun(run, study) < plan.trials - 1
        if room and launch_default(run, plan, study, model, seconds):
            return True
    return False
