"""What a slot does that successive halving has nothing for: new configurations, and small moves from the best."""

from __future__ import annotations

from dataclasses import dataclass

from optuna.study import Study
from optuna.trial import FrozenTrial

from kgtuner.tuning.full_search import FullSearch
from kgtuner.tuning.going_on import go_on, may_go_on
from kgtuner.tuning.kept_models import AGAIN
from kgtuner.tuning.measuring import seconds_to_best, still_rises
from kgtuner.tuning.result import best_trial
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.schedule import START_SECONDS, Schedule, slot_or_rest, worth_another
from kgtuner.tuning.trials import FULL_STEPS, limited
from kgtuner.tuning.under_way import StagePlan
from kgtuner.types import INTERRUPTED

SETTLED = 1.25  # times the seconds until the best was at its best, for a training that is compared with it


@dataclass(frozen=True)
class SpareTime:
    """What is needed to begin a training in it."""

    run: TuningRun
    plan: StagePlan
    study: Study
    search: FullSearch
    schedule: Schedule


class Beside(SpareTime):
    """New configurations for slots that are free while something else trains; with one slot there are none."""

    def offer(self, ends_at: float) -> bool:
        """Begin one that ends in time."""
        rest, slot = ends_at - self.run.elapsed, self.schedule.full_slot
        if not self.run.under_way or not worth_another(rest, slot):
            return False
        begin_new(self.run, self.plan, self.study, self.search, self.schedule, ends_at)
        return True


class Moves(SpareTime):
    """Small moves from the best configuration, each with the time that the best took to be at its best."""

    def offer(self, ends_at: float) -> bool:
        """Begin one that ends in time, or let the best go on where it still rises or no move fits."""
        run, rest = self.run, ends_at - self.run.elapsed
        best = best_trial(self.study.get_trials(deepcopy=False))
        if best is None or not worth_another(rest, self.schedule.full_slot):
            return False
        slot = max(self.schedule.full_slot, START_SECONDS + SETTLED * seconds_to_best(best))
        able = self._can_go_on(best)
        found = None if able and still_rises(best) else self.search.move(slot, rest)
        if found is None and able:
            go_on(run, self.plan, self.study, best, slot_or_rest(rest, slot / 2), rung=3)
            return True
        if found is None:
            begin_new(run, self.plan, self.study, self.search, self.schedule, ends_at)
            return True
        trial, config, seconds = found
        config = limited(run, config, FULL_STEPS, slot_or_rest(rest, seconds))
        run.launch(self.plan, self.study, trial, config, run.checkpoint_path(trial))
        return True

    def _can_go_on(self, best: FrozenTrial) -> bool:
        """Whether the best was cut off by its time, and does not go on already."""
        trials = self.study.get_trials(deepcopy=False)
        went_on = any(
            t.user_attrs.get(AGAIN) == best.number and INTERRUPTED not in t.user_attrs for t in trials
        )
        return not went_on and may_go_on(self.run, self.study, best)


def begin_new(
    run: TuningRun, plan: StagePlan, study: Study, search: FullSearch, schedule: Schedule, ends_at: float
) -> None:
    slot = schedule.full_slot
    trial, config = search.next(slot, schedule.last_seconds)
    seconds = slot_or_rest(ends_at - run.elapsed, slot)
    run.launch(plan, study, trial, limited(run, config, FULL_STEPS, seconds), run.checkpoint_path(trial))
