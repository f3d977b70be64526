"""Carrying out a strategy: its requests become trials on the full graph or on one of its subgraphs."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.study import Study

from kgtuner.config import TrialConfig
from kgtuner.errors import DataError
from kgtuner.execution.storage import drop_waiting, storage_errors, value_of
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.search.asking import ask
from kgtuner.search.strategies import FULL, STRATEGIES, Answer, Fidelity, Problem, Request, Strategy
from kgtuner.subgraph import sample_subgraph
from kgtuner.training.checkpoint import trained_seconds
from kgtuner.tuning.events import Stage
from kgtuner.tuning.fidelity import GRAPH
from kgtuner.tuning.memory_plan import size_of
from kgtuner.tuning.raising import GraphSize, Measured, free_memory, raised
from kgtuner.tuning.run_folder import FIRST
from kgtuner.tuning.running import TuningRun
from kgtuner.tuning.schedule import LEAST_TRIAL_SECONDS, START_SECONDS
from kgtuner.tuning.stage_one import scaled_down
from kgtuner.tuning.trials import (
    FULL_STEPS,
    SUBGRAPH_STEPS,
    defaults_within,
    good_elsewhere,
    limited,
    study_of,
    trainings_end,
)
from kgtuner.tuning.two_stage import measure_full_training, space_of
from kgtuner.tuning.under_way import StagePlan
from kgtuner.types import INTERRUPTED, FloatArray

REQUEST = "request"
"""Attribute of a trial: the number of the request it answers."""
COST = "cost of request {}"
"""Attribute of a study: what an answer took, in whole trainings. A trial that has ended takes no notes."""
SIZES = "sizes of {}"
"""Attribute of a study: the sizes with which the training of a checkpoint was made, and with which it goes on."""
GROWN = ("model.dimension", "training.batch_size")
LARGER_DIMENSIONS, LARGER_BATCHES = (1000, 2000), (512, 1024)  # section 8 of the method
ROOM = 0.9
"""Share of a budget that a strategy is told of; starting trials and evaluating on test take the rest."""
LAST = 0.15
"""Share of a budget that is kept back for the full graph until something has been trained there."""


@dataclass(frozen=True)
class Place:
    """Where the trainings of one fidelity are made."""

    fidelity: Fidelity
    plan: StagePlan
    study: Study
    graph: KnowledgeGraph


def by_strategy(run: TuningRun, graph: KnowledgeGraph) -> None:
    """Spend the budget of a run as the strategy of its algorithm says, from wherever it stands.

    Requests that an earlier sitting has answered are answered from the store, so the strategy takes the
    same decisions again and then goes on. When the time is over before it has trained anything on the full
    graph, the best of the subgraphs is trained there in what is left.
    """
    run.executor.start()
    if run.executor.slots > 1:
        run.note(
            f"The algorithm {run.settings.algorithm} trains one configuration at a time: "
            f"{run.executor.slots - 1} of {run.executor.slots} workers stay idle."
        )
    answering = Answering(run, STRATEGIES[run.settings.algorithm], graph)
    asking = answering.strategy.search(answering.problem)
    try:
        request = next(asking)
        for number in range(1_000_000):
            answer = answering.answer(number, request)
            if answer is None:
                break
            request = asking.send(answer)
    except StopIteration:
        pass
    answering.train_on_the_full_graph()
    run.models.may_go_on.clear()
    run.drop_checkpoints()
    run.end_stage()


class Answering:
    """Turns requests into trials.

    Args:
        run: with a budget in time or in full trainings.
        strategy: says which subgraphs there are to be.
        graph: the full one.
    """

    def __init__(self, run: TuningRun, strategy: Strategy, graph: KnowledgeGraph) -> None:
        self.run = run
        self.strategy = strategy
        self.graph = graph
        self.whole = size_of(graph)
        settings = run.settings
        self.space = space_of(run, graph)
        if settings.budget.full_trainings is not None:
            measure_full_training(run, graph, self.space, settings.threads or 1)
        self.places = self._places(graph)
        asked = settings.budget.full_trainings
        if run.full_training_seconds and asked is not None:
            self.unit, trainings = run.full_training_seconds, max(asked - 1.0 - strategy.beyond, 0.5)
        else:
            assert run.budget_seconds is not None  # a budget in trials is refused before
            self.unit = ROOM * run.budget_seconds / (strategy.trainings + strategy.beyond)
            trainings = strategy.trainings
        self.problem = Problem(
            self.space,
            trainings,
            [place.fidelity for place in self.places.values()],
            settings.seed,
            least=START_SECONDS / self.unit,
            first=self._first(),
        )
        self._stage: str | None = None

    def _first(self) -> list[FloatArray]:
        """What a strategy of ours begins with, chosen at the first sitting; others begin as they were published."""
        run = self.run
        if not self.strategy.ours:
            return []

        def decide() -> dict[str, Any]:
            points = [*defaults_within(run, self.space), *good_elsewhere(run, self.space, self.graph)]
            asked = (t for place in self.places.values() for t in place.study.get_trials())
            if any(REQUEST in t.user_attrs for t in asked):
                points = []  # begun by a version that gave it none
            return {"points": _distinct(points)}

        return run.folder.decided(FIRST, decide, lambda kept: list(self.space.codes.rows(kept["points"])))

    def _places(self, graph: KnowledgeGraph) -> dict[str, Place]:
        """The graphs by name, the cheapest first; a subgraph that would be too small is left out."""
        places: dict[str, Place] = {}
        for ratio in self.strategy.subgraphs:
            name = f"{self.strategy.method}-{ratio:g}"
            small = self._subgraph(graph, name, ratio)
            cost = 1.0 if small is None else len(small.train) / len(graph.train)
            if small is None or cost >= 1 or any(cost == place.fidelity.cost for place in places.values()):
                continue
            folder = self._folder(name)
            places[name] = self._place("subgraph", folder, Fidelity(name, cost, _features(small)), small)
        places = dict(sorted(places.items(), key=lambda item: item[1].fidelity.cost))
        places[FULL] = self._place(
            "full", self.run.folder.graph, Fidelity(FULL, 1.0, _features(graph)), graph
        )
        return places

    def _place(self, stage: Stage, folder: Path, fidelity: Fidelity, graph: KnowledgeGraph) -> Place:
        run = self.run
        plan = StagePlan(
            stage, folder, trainings_end(run, self.graph), None, run.settings.threads or 1, size_of(graph)
        )
        return Place(fidelity, plan, study_of(run, plan, self.space, None), graph)

    def _folder(self, name: str) -> Path:
        return self.run.folder.path.absolute() / "subgraphs" / name

    def _subgraph(self, graph: KnowledgeGraph, name: str, ratio: float) -> KnowledgeGraph | None:
        """The one in the folder, or a new sample; None when it is too small."""
        folder, settings = self._folder(name), self.run.settings
        if not folder.exists():
            try:
                sample = sample_subgraph(
                    graph, ratio, settings.subgraph_starts, settings.seed, self.strategy.method
                )
            except DataError as error:
                self.run.note(f"Without {name}: {error}")
                return None
            folder.parent.mkdir(exist_ok=True)
            sample.graph.save(folder)
        return KnowledgeGraph.load(folder)

    def answer(self, number: int, request: Request) -> Answer | None:
        """What came out of a request, from the store or from a training; None when the time is over."""
        place = self.places[request.fidelity]
        assignment = self.space.codes.assignment(request.row)
        known = _known(place.study, number, assignment)
        if known is not None:
            self._answered(place, assignment, request, known)
            return known
        left = self._left()
        kept_back = 0.0 if self._trained_on_full() else LAST * (self.run.budget_seconds or 0.0)
        if left < LEAST_TRIAL_SECONDS or (request.fidelity != FULL and left < kept_back):
            return None
        seconds = self.unit * request.share * place.fidelity.cost
        began = self.run.elapsed
        self._train(place, number, assignment, request.larger, seconds, left)
        with storage_errors(self.run.store.place):
            place.study.set_user_attr(COST.format(number), (self.run.elapsed - began) / self.unit)
        came_out = _known(place.study, number, assignment)
        if came_out is not None:
            self._answered(place, assignment, request, came_out)
        return came_out

    def train_on_the_full_graph(self) -> None:
        """The best of the subgraphs in what time is left, if nothing else has been trained on the full graph."""
        found = [t for t in self.run.store.trials("subgraph") if value_of(t) is not None]
        if self._trained_on_full() or not found or self._left() < LEAST_TRIAL_SECONDS:
            return
        order = [name for name in self.places]
        best = max(found, key=lambda t: (order.index(t.user_attrs[GRAPH]), value_of(t) or 0.0))
        self._train(self.places[FULL], -1, best.params, False, math.inf, self._left())

    def _left(self) -> float:
        end = trainings_end(self.run, self.graph)
        assert end is not None
        return end - self.run.elapsed

    def _trained_on_full(self) -> bool:
        return any(value_of(t) is not None for t in self.places[FULL].study.get_trials(deepcopy=False))

    def _train(
        self,
        place: Place,
        number: int,
        assignment: dict[str, Any],
        larger: bool,
        seconds: float,
        left: float,
    ) -> None:
        """Make a trial; at the same place, the same configuration goes on from its checkpoint.

        Args:
            seconds: of the whole training, with what its checkpoint has behind it; left: of the budget.
        """
        run, whole_graph = self.run, place.fidelity.name == FULL
        if place.plan.stage != self._stage:
            run.end_stage()
            self._stage = place.plan.stage
            run.begin(place.plan, place.graph.n_entities, len(place.graph.train))
        with storage_errors(run.store.place):
            drop_waiting(place.study)  # what a kill left behind is asked for again by the strategy itself
            place.study.enqueue_trial(assignment)
            trial, assignment = ask(place.study, self.space)
            trial.set_user_attr(REQUEST, number)
            trial.set_user_attr(GRAPH, place.fidelity.name)
        config = TrialConfig.from_flat(assignment)
        checkpoint = self._checkpoint(place, assignment, larger=larger)
        sizes = SIZES.format(checkpoint.name)
        if not whole_graph:
            config = scaled_down(config, place.plan.size, self.whole)
        elif larger:
            config = _as_large_as_fits(config, self.whole, free_memory(run.settings.device))
        config = config.updated(place.study.user_attrs.get(sizes, {}))  # those with which it began
        seconds = min(seconds, trained_seconds(checkpoint) + left)
        config = limited(run, config, FULL_STEPS if whole_graph else SUBGRAPH_STEPS, seconds)
        run.models.may_go_on.add(checkpoint)
        result = run.train(place.plan, place.study, trial, config, checkpoint)
        if result is not None:  # perhaps with half the batch
            trained = TrialConfig.from_mapping(result["config"]).flat()
            with storage_errors(run.store.place):
                place.study.set_user_attr(sizes, {name: trained[name] for name in GROWN})

    def _checkpoint(self, place: Place, assignment: dict[str, Any], *, larger: bool) -> Path:
        """Where the training of a configuration at a place is kept, whichever request it answers."""
        key = f"{place.fidelity.name} {larger} {sorted(assignment.items())}"
        return self.run.models.named_checkpoint(hashlib.sha256(key.encode()).hexdigest()[:16])

    def _answered(self, place: Place, assignment: dict[str, Any], request: Request, answer: Answer) -> None:
        """Keep the checkpoint of a training that may be asked to go on, and no other."""
        checkpoint = self._checkpoint(place, assignment, larger=request.larger)
        models = self.run.models
        if request.share < 1 and not math.isnan(answer.value):
            models.may_go_on.add(checkpoint)
        else:
            models.may_go_on.discard(checkpoint)
            for file in models.folder.glob(f"{checkpoint.name}*"):
                file.unlink(missing_ok=True)


def _as_large_as_fits(config: TrialConfig, size: GraphSize, memory: float) -> TrialConfig:
    """The method's larger batch size and dimension, as far as memory allows."""
    unlimited = Measured(size, 0.0, 0.0, 0)
    return raised(
        config,
        unlimited,
        size,
        seconds=None,
        memory=memory,
        dimensions=LARGER_DIMENSIONS,
        batch_sizes=LARGER_BATCHES,
    )


def _distinct(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without repeats: two may have become one at the sizes and within the ranges of a space."""
    return [point for number, point in enumerate(points) if point not in points[:number]]


def _features(graph: KnowledgeGraph) -> tuple[float, ...]:
    return math.log(graph.n_entities), math.log(len(graph.train))


def _known(study: Study, number: int, assignment: dict[str, Any]) -> Answer | None:
    """The answer that a request has got, in this sitting or in an earlier one."""
    cost = study.user_attrs.get(COST.format(number))
    for trial in study.get_trials(deepcopy=False):
        if trial.user_attrs.get(INTERRUPTED):
            continue  # cut off, and made again
        if trial.user_attrs.get(REQUEST) == number and trial.params == assignment and cost is not None:
            value = value_of(trial)
            return Answer(math.nan if value is None else value, float(cost))
    return None
