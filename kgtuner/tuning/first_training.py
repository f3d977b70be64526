"""The default configuration on the full graph before anything else: its cost says where a budget is best spent."""

from __future__ import annotations

from optuna.study import Study
from optuna.trial import FrozenTrial

from kgtuner.execution.storage import RESULT, value_of
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.space.space import Space
from kgtuner.tuning.default_trial import launch_default
from kgtuner.tuning.kept_models import DEFAULT
from kgtuner.tuning.measuring import a_share, seconds_to_best, still_rises, value_within
from kgtuner.tuning.memory_plan import size_of
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.schedule import START_SECONDS, Schedule
from kgtuner.tuning.trials import study_of, trainings_end
from kgtuner.tuning.under_way import StagePlan

FIRST_SHARE = 0.2
"""Of a budget, for this training; it may go on later."""

STEEP = 0.9
"""A training that had less than this share of its end value at half its time is far from its end."""

MOST_TRIPLES = 1_000_000
"""Of a graph whose training starts soon enough to be the first."""


class FirstTraining:
    """The first training of a run under a clock, where the user has not said how the budget is to be shared.

    Args:
        run: where it is kept; a resumed run finds it there.
        graph: the full one.
        schedule: the usual one; None without a clock.
        space: what is searched.
    """

    def __init__(
        self, run: TuningRun, graph: KnowledgeGraph, schedule: Schedule | None, space: Space
    ) -> None:
        self.run, self.graph, self.usual = run, graph, schedule
        self.model = run.settings.models[0]
        settings = run.settings
        self.asked_for = (
            schedule is not None
            and settings.budget.seconds is not None  # one that counts full trainings has measured one
            and settings.stage_one_share is None
            and settings.try_default
            and len(graph.train) <= MOST_TRIPLES
        )
        self.plan = StagePlan(
            "full", run.folder.graph, trainings_end(run, graph), None, settings.threads or 1, size_of(graph)
        )
        self.space = space
        self._study: Study | None = None
        self._launched = False

    def offer(self) -> bool:
        """Launch it, unless it has been."""
        if not self.asked_for or self.usual is None:
            return False
        seconds = FIRST_SHARE * (self.usual.end - self.usual.began)
        if self._study is None:  # opened once: what runs in it would count as interrupted
            self._study = study_of(self.run, self.plan, self.space, None)
        self._launched |= (launched := launch_default(self.run, self.plan, self._study, self.model, seconds))
        return launched

    def alone(self) -> Schedule | None:
        """Launch it, unless it has been, and wait for its end; the schedule after that."""
        if self.asked_for and not self._ended():
            self.run.begin(self.plan, self.graph.n_entities, len(self.graph.train))
            self.run.fill(self.offer)
            self.run.end_stage()
        return self.schedule()

    def book(self) -> None:
        """Count its seconds to the stage that its graph belongs to, where it ran beside the other one."""
        ended = self._ended()
        if self._launched and ended:
            moved = float(ended[0].user_attrs[RESULT]["seconds"]) / self.run.executor.slots
            spent = self.run.stage_seconds
            spent["subgraph"] = max(0.0, spent.get("subgraph", 0.0) - moved)
            spent["full"] = spent.get("full", 0.0) + moved
            self.run.save_state(force=True)

    def _ended(self) -> list[FrozenTrial]:
        trials = self.run.store.trials("full")
        return [t for t in trials if t.user_attrs.get(DEFAULT) == self.model and value_of(t) is not None]

    def schedule(self) -> Schedule | None:
        """The schedule that fits what the training has shown; the usual one until it has ended."""
        done = self._ended() if self.asked_for else []
        if self.usual is None or not done:
            return self.usual
        first = done[0]
        one = seconds_to_best(first)
        if still_rises(first):
            steep = value_within(first, 0.5 * one) < a_share(value_within(first, one), STEEP)
            one = self.usual.end - self.usual.began if steep else 2 * one
        spent = START_SECONDS + float(first.user_attrs[RESULT]["seconds"])
        return self.usual.at_cost(START_SECONDS + one, self.run.executor.slots, spent)
