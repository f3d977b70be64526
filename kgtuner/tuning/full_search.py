"""What is trained next on the full graph: what a subgraph found good, and what lies near the best of the full graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from kgtuner.config import TrialConfig
from kgtuner.domains import Float
from kgtuner.execution.storage import RESULT, storage_errors, value_of
from kgtuner.search.proposals import Observations, ranked
from kgtuner.search.surrogates import SURROGATES
from kgtuner.space.space import Space
from kgtuner.tuning.found import TRIAL_LIMITS, found_config
from kgtuner.tuning.measuring import measured_in
from kgtuner.tuning.moves import moves
from kgtuner.tuning.raising import (
    BATCH_SIZES,
    DIMENSIONS,
    MEMORY_SHARE,
    GraphSize,
    estimated_bytes,
    raised,
    seconds_per_query,
)
from kgtuner.tuning.result import best_trial
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.trials import UNSAID, asked, begun, observed, within
from kgtuner.types import Assignment

TRANSFERS = 3  # trainings after which it need not be a new kind that is transferred
STARTUP = 9  # trainings after which neighbours are tried where there was no stage one
TRANSFERRED = 10  # the best of stage one that may go on to the full graph, whatever their kind
KIND_SHARE = 0.5  # of stage one's trials: the best of a kind is worth a transfer when it is among them
NEIGHBOURHOOD = {"regularizer.weight": 0.5, "optimizer.learning_rate": 0.25, "model.dropout": 0.1}
"""How far a neighbour lies: powers of ten where a range is logarithmic, else differences; standard deviations."""
NEIGHBOUR_SHARE = 0.7  # of these, that a neighbour changes
WIDENED = "widened"  # in a trial's notes: the number of the trial whose configuration it widens
MOVE = "move"  # in a trial's notes: the number of the move that led from the best configuration to this one
PLANNED = "planned"  # in a trial's notes: its configuration with the sizes it was given
RAISED_FOR = 2.0  # slots: a transferred configuration may be so large that it shows what it can in this time
ENOUGH = 0.5  # of the time in which the best shows what it can, that a training had to be judged by it


@dataclass(frozen=True)
class FullSearch:
    """Proposals for the full graph: first the best of each kind that stage one found, then neighbours of its own best.

    Attributes:
        run, space, study: of the stage on the full graph.
        prior: what was observed on the subgraph, empty without one.
        found: stage one's trials with a value.
        small, whole: the sizes of the subgraph (None without one) and of the graph.
        raise_dimension, raise_batch: whether a size found small may grow.
    """

    run: TuningRun
    space: Space
    study: Study
    prior: Observations
    found: list[FrozenTrial]
    small: GraphSize | None
    whole: GraphSize
    raise_dimension: bool
    raise_batch: bool

    def next(self, slot: float | None, last: float | None) -> tuple[Trial, TrialConfig]:
        """A trial and its configuration, raised to what memory and time allow.

        Args:
            slot: seconds that the trial will have; None without a clock.
            last: seconds that the best configuration will have had in the end.
        """
        seconds = None if slot is None else RAISED_FOR * slot
        if self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            return self._asked(seconds)  # what an interruption cut off comes first, and is what it was
        waiting = self._not_yet_tried()
        tries = begun(self.run, self.study)
        kinds = self._untried_kinds(waiting) if tries < TRANSFERS else []
        if kinds:
            return self._transfer(kinds[0], seconds)
        if tries % 2 and tries >= (TRANSFERS if self.found else STARTUP):
            near = self._widened(last) or self._neighbour(tries)  # every other one stays near the best
            if near is not None:
                return near
        if waiting:
            return self._transfer(self._most_promising(waiting), seconds)
        return self._asked(seconds)

    def epochs_per_second(self) -> float:
        """How fast those pass over the full graph that stage one found good, judged by what they took there; 0 if none.

        The median: some score all entities and are many times slower than others.
        """
        if self.small is None or not self.found:
            return 0.0
        speeds = []
        for trial in self._best_first()[:TRANSFERRED]:
            config = TrialConfig.from_mapping(trial.user_attrs[RESULT]["config"])
            measured = measured_in(self.small, self.whole, trial)
            seconds = seconds_per_query(config, config, measured, self.whole)
            speeds.append(1 / (2 * self.whole.triples * seconds))
        return float(np.median(speeds))

    def _transfer(self, trial: FrozenTrial, seconds: float | None) -> tuple[Trial, TrialConfig]:
        self.study.enqueue_trial(trial.params)
        return self._asked(seconds)

    def _asked(self, seconds: float | None) -> tuple[Trial, TrialConfig]:
        trial, assignment = asked(self.run, self.study, self.space)
        if PLANNED in trial.user_attrs:
            return trial, TrialConfig.from_mapping(trial.user_attrs[PLANNED])
        config = self._raised(TrialConfig.from_flat(assignment), assignment, seconds)
        with storage_errors(self.run.store.place):
            trial.set_user_attr(PLANNED, config.to_mapping())
        return trial, config

    def _raised(self, config: TrialConfig, assignment: Assignment, seconds: float | None) -> TrialConfig:
        if self.small is None:
            return config
        return raised(
            config,
            measured_in(self.small, self.whole, _closest(self.found, assignment)),
            self.whole,
            seconds=seconds,
            memory=self.run.memory.share(),
            dimensions=DIMENSIONS if self.raise_dimension else (),
            batch_sizes=BATCH_SIZES if self.raise_batch else (),
        )

    def _widened(self, last: float | None) -> tuple[Trial, TrialConfig] | None:
        """The best configuration of the full graph so far with the next larger dimension, tried once.

        A dimension that is worth its time on the full graph cannot be seen on a subgraph, and a training of the first
        rung is too short for the largest: so it grows a step at a time, from what has proved itself.
        """
        best = self._best()
        if best is None or not self.raise_dimension or self.small is None:
            return None
        root = self.run.root(self.study, best).number
        seen = {t.user_attrs.get(WIDENED) for t in self.study.get_trials(deepcopy=False)}
        config = found_config(best)
        assignment = within(self.space, config)
        larger = [d for d in DIMENSIONS if d > int(config.model.options["dimension"])][:1]
        if root in seen or assignment is None or not larger:
            return None
        wide = raised(
            config,
            measured_in(self.whole, self.whole, best),
            self.whole,
            seconds=last,
            memory=self.run.memory.share(),
            dimensions=larger,
            batch_sizes=(),
        )
        if wide == config:
            return None
        return self._beside(assignment, wide, {WIDENED: root})

    def move(self, slot: float, rest: float) -> tuple[Trial, TrialConfig, float] | None:
        """The first configuration one move away from the best of the full graph that has not had its time.

        Args:
            slot: seconds in which the best shows what it can.
            rest: seconds that are left.

        Returns:
            The trial, its configuration and its seconds: more than `slot` where each step costs more. None when no
            move is left that the rest of the time is worth.
        """
        best = self._best()
        if best is None:
            return None
        config, measured = found_config(best), measured_in(self.whole, self.whole, best)
        tried = self._had_their_time(slot)
        fixed = {"model.dimension"} if not self.raise_dimension else set()
        fixed |= {"training.batch_size"} if not self.raise_batch else set()
        came_by = self.run.root(self.study, best).user_attrs.get(MOVE)
        for number, moved in moves(config, self.space, came_by, frozenset(fixed)):
            cost = seconds_per_query(moved, config, measured, self.whole) / measured.seconds_per_query
            assignment = within(self.space, moved)
            if (
                assignment is None
                or cost * slot > rest
                or _look(moved) in tried
                or estimated_bytes(moved, self.whole) > MEMORY_SHARE * self.run.memory.share()
            ):
                continue
            trial, _ = self._beside(assignment, moved, {MOVE: number})
            return trial, moved, cost * slot
        return None

    def _had_their_time(self, slot: float) -> set[tuple[Any, ...]]:
        """What configurations look like that were moved to, or trained long enough for a move to be no news."""
        seen = {_look(u.config) for u in self.run.under_way}
        for trial in self.study.get_trials(deepcopy=False):
            attrs = trial.user_attrs
            if MOVE in attrs:
                seen.add(_look(TrialConfig.from_mapping(attrs[PLANNED])))
            elif RESULT in attrs and float(attrs[RESULT]["seconds"]) >= ENOUGH * slot:
                seen.add(_look(TrialConfig.from_mapping(attrs[RESULT]["config"])))
        return seen

    def _beside(
        self, assignment: dict[str, Any], config: TrialConfig, notes: dict[str, Any]
    ) -> tuple[Trial, TrialConfig]:
        """A trial of a configuration that stands at a point of the space, apart from its sizes."""
        self.study.enqueue_trial(assignment, user_attrs={PLANNED: config.to_mapping(), **notes})
        return self._asked(None)

    def _best(self) -> FrozenTrial | None:
        """What proposals stay near; random search stays near nothing."""
        random = self.run.settings.algorithm == "random"
        return None if random else best_trial(self.study.get_trials(deepcopy=False))

    def _neighbour(self, number: int) -> tuple[Trial, TrialConfig] | None:
        """The best configuration of the full graph so far with its rates and weights a little changed.

        What a subgraph cannot tell is fine: how strong a regularisation the full graph needs, or how large a step.
        """
        best = self._best()
        if best is None:
            return None
        config = TrialConfig.from_mapping(best.user_attrs[RESULT]["config"])
        flat = UNSAID | config.flat()
        rng = np.random.default_rng([self.run.settings.seed, 2, number])
        changes: dict[str, float] = {}
        for name, spread in NEIGHBOURHOOD.items():
            # Drawn for every name, so that one that does not apply does not shift the others.
            step, used = rng.normal() * spread, rng.random() < NEIGHBOUR_SHARE
            domain = self.space.by_name[name].domain if name in self.space.by_name else None
            value = flat.get(name)
            if not isinstance(value, float | int) or not isinstance(domain, Float) or not used:
                continue
            moved = value * 10**step if domain.log else value + step
            changes[name] = min(max(moved, domain.low), domain.high)
        if not changes:
            return None
        config = config.updated(changes)
        assignment = within(self.space, config)
        if assignment is None:
            return None  # the best is the default configuration and outside the space; so are its neighbours
        return self._beside(assignment, config, {})

    def _most_promising(self, waiting: list[FrozenTrial]) -> FrozenTrial:
        """Of the configurations still to be transferred, the first as the surrogate sees them now."""
        known = self.prior + observed(self.run, self.space, "full", 0)
        codes = self.space.codes.rows([t.params for t in waiting])
        rng = np.random.default_rng([self.run.settings.seed, len(known)])
        return waiting[int(ranked(self.space, known, codes, rng, SURROGATES["random_forest"]())[0])]

    def _not_yet_tried(self) -> list[FrozenTrial]:
        """The best of stage one that have not been on the full graph, the best first."""
        if not self.found:
            return []
        tried = [
            t.params or t.system_attrs.get("fixed_params") for t in self.study.get_trials(deepcopy=False)
        ]
        tried += [within(self.space, self.run.default_of(model)) for model in self.run.settings.models]
        best_first = self._best_first()
        kinds: list[FrozenTrial] = []
        for trial in best_first:
            if all(kind(trial.params) != kind(other.params) for other in kinds):
                kinds.append(trial)
        good = best_first[: max(TRANSFERRED, round(KIND_SHARE * len(best_first)))]
        chosen = [t for t in best_first if t in best_first[:TRANSFERRED] or (t in kinds and t in good)]
        return [t for t in chosen if t.params not in tried]

    def _best_first(self) -> list[FrozenTrial]:
        return sorted(self.found, key=lambda t: -(value_of(t) or 0.0))

    def _untried_kinds(self, waiting: list[FrozenTrial]) -> list[FrozenTrial]:
        """The best of each kind of which none has been on the full graph: kinds transfer worst of all."""
        trials = self.study.get_trials(deepcopy=False)
        ended = [t for t in trials if RESULT in t.user_attrs]
        seen = {kind(TrialConfig.from_mapping(t.user_attrs[RESULT]["config"]).flat()) for t in ended}
        seen |= {kind(u.config.flat()) for u in self.run.under_way}
        fresh: list[FrozenTrial] = []
        for trial in waiting:
            if kind(trial.params) not in seen:
                seen.add(kind(trial.params))
                fresh.append(trial)
        return fresh


def _look(config: TrialConfig) -> tuple[Any, ...]:
    """A configuration without its limits, numbers to four digits: what a move and its way back have in common."""
    limits = {f"training.{name}" for name in TRIAL_LIMITS}
    flat = (item for item in (UNSAID | config.flat()).items() if item[0] not in limits)
    return tuple(sorted((name, f"{v:.4g}" if isinstance(v, float) else str(v)) for name, v in flat))


def kind(assignment: Assignment) -> tuple[Any, ...]:
    """What a configuration is, apart from its numbers."""
    return tuple(assignment.get(name) for name in ("model.name", "training.mode", "loss.name"))


def _closest(found: list[FrozenTrial], assignment: Assignment) -> FrozenTrial | None:
    """The stage-one trial whose cost says most about a configuration: itself, else one of the same mode."""
    same = [t for t in found if t.params == assignment]
    keys = ("model.name", "training.mode", "negatives.num_negatives")
    alike = [t for t in found if all(t.params.get(key) == assignment.get(key) for key in keys)]
    candidates = same or alike or found
    return max(candidates, key=lambda t: value_of(t) or 0.0) if candidates else None
