"""When the parts of a wall-clock budget end: numbers only, so that they can be tested without a clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

START_SECONDS = 0.7
"""What a training costs around its own clock: loading, indexing, writing the model."""

LEAST_TRIAL_SECONDS = 1.5
LEAST_TRAINING_SECONDS = 0.5  # of a trial, without what surrounds the training
STAGE_ONE_SHARE = 0.5  # of a budget, where nothing says otherwise; as the method does
SHORT_SHARE = 0.2  # of a budget, for a subgraph stage that has little to save
MANY_TRAININGS = 4.0  # full ones in a budget, from which a search on the full graph needs no subgraph
ONE_TRAINING = 1.5  # a budget that is not so many times as long as a full training is best spent on one
STAGE_ONE_TRIALS = 15  # at least, wherever a budget can hold them
FINAL_SHARE = 0.04  # of a budget, kept back for the test evaluation until it can be estimated
WORTH_A_TRIAL = 0.4  # of a trial's usual time; with less left a stage ends
LEAST_EPOCHS = 2.0  # of a training of the first rung: order after less says little about order in the end
LEAST_TRAININGS = 3  # of the first rung, however slow they are
LONG_STARTS = 4.0  # times a long start, that a training takes at least: half of it is training then
WORTH_STARTING = 8.0  # times `START_SECONDS`, that a first training on the full graph takes at least


@dataclass(frozen=True)
class Rungs:
    """How the time on the full graph is shared: many short trainings, the best two (and the default), the best one.

    Attributes:
        trials: trainings of the first rung, the default configuration's included.
        least_trials: of them, where the budget is so small that each needs more time.
        first_share, second_share: of the time, when the first and the second rung end.
        last_share: of the time, that the best configuration has trained in the end, if the default is among the two.
    """

    trials: int
    least_trials: int
    first_share: float
    second_share: float

    @property
    def last_share(self) -> float:
        second = (self.second_share - self.first_share) / 2
        return self.first_share / self.trials + second + 1 - self.second_share


AFTER_SUBGRAPH = Rungs(trials=8, least_trials=4, first_share=0.4, second_share=0.6)
BEFORE_MOVES = Rungs(trials=4, least_trials=3, first_share=0.25, second_share=0.45)
WITHOUT_SUBGRAPH = Rungs(trials=24, least_trials=8, first_share=0.6, second_share=0.75)


@dataclass(frozen=True)
class Schedule:
    """Seconds of the budget used when each part ends.

    It depends on the budget and on what the first training showed, so a resumed run keeps it.

    Attributes:
        began: what went into something else before stage one, the first training's share of all slots included.
        stage_one_end: when the subgraph stage ends; `began` without one.
        end: when trainings end, so that the test evaluation still fits.
        rungs: how the time between the two is shared.
    """

    began: float
    stage_one_end: float
    end: float
    rungs: Rungs

    @classmethod
    def of(cls, budget: float, stage_one_share: float, *, used: float = 0.0, two_stages: bool) -> Schedule:
        """From a budget in seconds, `used` of which went into something else before stage one."""
        end = max(used, budget - 1.0 - FINAL_SHARE * budget)
        stage_one_end = used + stage_one_share * (end - used) if two_stages else used
        return cls(used, stage_one_end, end, AFTER_SUBGRAPH if two_stages else WITHOUT_SUBGRAPH)

    def at_cost(self, full_training: float, slots: int, spent: float = 0.0) -> Schedule:
        """With a shorter stage one where a subgraph saves little.

        It saves most where a budget holds a few full trainings. Where it holds many, the full graph itself can be
        searched; where it holds hardly one, that one needs the time.

        Args:
            full_training: seconds that a training on the full graph is expected to take.
            slots: trainings at once.
            spent: seconds of one slot that went into finding this out.
        """
        whole = self.end - self.began
        times = whole / full_training
        after = replace(self, began=min(self.began + spent / slots, self.stage_one_end))
        if times >= ONE_TRAINING and slots * times < MANY_TRAININGS:
            return after
        seconds = max(SHORT_SHARE * whole, (STAGE_ONE_TRIALS + 1) * LEAST_TRIAL_SECONDS / slots)
        shorter = replace(after, stage_one_end=min(self.stage_one_end, after.began + seconds))
        return shorter if times < ONE_TRAINING else replace(shorter, rungs=BEFORE_MOVES)

    def at_speed(self, epochs_per_second: float) -> Schedule:
        """With fewer trainings in the first rung where the time holds too few epochs for all of them."""
        if not math.isfinite(epochs_per_second):
            return self
        rung = self.rungs.first_share * self.full_seconds
        held = rung * epochs_per_second / LEAST_EPOCHS
        if held >= self.rungs.trials:
            return self
        trials = min(self.rungs.trials, max(LEAST_TRAININGS, int(held)))
        least = min(self.rungs.least_trials, trials)
        return replace(self, rungs=replace(self.rungs, trials=trials, least_trials=least))

    def with_long_starts(self, start: float, end: float) -> Schedule:
        """For a large graph: with an earlier end, and no more trainings in the first rung than have time for a start.

        Args:
            start: seconds of a training before its first step; after its last one it takes about as long.
            end: seconds of the budget used when trainings must end, so that a long test evaluation fits.
        """
        shorter = replace(self, end=max(self.stage_one_end, min(self.end, end)))
        rung = self.rungs.first_share * shorter.full_seconds
        trials = min(self.rungs.trials, max(1, int(rung / (LONG_STARTS * start))))
        least = min(self.rungs.least_trials, trials)
        return replace(shorter, rungs=replace(self.rungs, trials=trials, least_trials=least))

    @property
    def full_seconds(self) -> float:
        return self.end - self.stage_one_end

    @property
    def subgraph_slot(self) -> float:
        """Seconds of a trial on the subgraph at most, so that the least number of them fits."""
        return max(LEAST_TRIAL_SECONDS, (self.stage_one_end - self.began) / (STAGE_ONE_TRIALS + 1))

    @property
    def full_slot(self) -> float:
        """Seconds of a trial of the first rung."""
        rung = self.rungs.first_share * self.full_seconds
        least = min(rung / self.rungs.least_trials, WORTH_STARTING * START_SECONDS)
        return max(LEAST_TRIAL_SECONDS, rung / self.rungs.trials, least)

    @property
    def last_seconds(self) -> float:
        """Seconds of training that the best configuration will have had in the end."""
        return self.rungs.last_share * self.full_seconds

    def rung_end(self, share: float) -> float:
        """Seconds of the budget used when that share of the time on the full graph is over."""
        return self.stage_one_end + share * self.full_seconds


def slot_or_rest(rest: float, slot: float) -> float:
    """Seconds for the next trial: its slot, or all that is left when that is not worth another one."""
    return rest if rest < (1 + WORTH_A_TRIAL) * slot else slot


def worth_another(rest: float, slot: float) -> bool:
    """Whether the time left is worth another trial."""
    return rest >= max(LEAST_TRIAL_SECONDS, WORTH_A_TRIAL * slot)
