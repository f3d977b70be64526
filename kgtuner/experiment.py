"""One training from a configuration to a validated model: the place where all parts meet."""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from kgtuner import kernels
from kgtuner.config import Component, TrialConfig
from kgtuner.errors import ConfigError, DataError, OutOfMemory
from kgtuner.evaluation.evaluator import final_rows, metrics_of_rows, validation_rows
from kgtuner.evaluation.metrics import Metrics, objective
from kgtuner.evaluation.ranks import compiled_ranks
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.losses import LOSSES, Loss
from kgtuner.models import Model
from kgtuner.negatives import NEGATIVES, NegativeSampler
from kgtuner.negatives.typed import Typed, of_right_type
from kgtuner.parts import build_model, check, create
from kgtuner.regularizers import REGULARIZERS, Regularizer
from kgtuner.training.all_entities import AllEntitiesStep
from kgtuner.training.all_entities_limit import why_not_all_entities
from kgtuner.training.allocation import keeping_freed_memory
from kgtuner.training.best import BestParameters
from kgtuner.training.checkpoint import load_checkpoint, save_checkpoint
from kgtuner.training.early_stopping import EarlyStopping
from kgtuner.training.negative_sampling import NegativeSamplingStep
from kgtuner.training.optimizers import OPTIMIZERS, Optimizer
from kgtuner.training.precision import low_precision
from kgtuner.training.queries import Batches, TrainingQueries
from kgtuner.training.trainer import CurvePoint, Limits, StopReason, Trainer
from kgtuner.types import Clock

T = TypeVar("T")

CPU = torch.device("cpu")

DENSE_FROM = 0.4
"""Share of the entity rows a step touches from which all are updated. Touched rows alone are a little faster up to 0.6
(benchmarks/row_updates.py), but with Adam another training, and what has been found was found so."""

CHECKPOINT_SECONDS = 60.0
"""Least time between two checkpoints of one training."""

SAVING_SHARE = 0.05
"""Of a training's time that writing checkpoints may take, where one takes `SLOW_SAVE` seconds or more."""

SLOW_SAVE = 1.0

QUICK_START = 2.0
"""Seconds of preparation that a time limit does not count: they are what a schedule expects around a training."""


@dataclass(frozen=True)
class RunResult:
    """What one training gave.

    Attributes:
        config, seed: what was run.
        model: with the best parameters, in evaluation mode.
        metric: the name of the number that was maximised.
        best: its best validation while training, perhaps on a sample; with `mean_rank` the sign is
            changed, so larger is better.
        valid: metrics of the best parameters on all validation triples; on a large fixed sample of them where
            ranking all would take minutes, see `evaluator.final_rows`.
        valid_seconds: how long ranking those took.
        curve: every validation.
        steps, queries: optimiser steps and directed queries trained on.
        seconds: wall clock with validations; training_seconds: without.
        triples_per_second: triples trained on in both directions, per second of training.
        peak_rss_mb: the largest memory of this process so far, in MB.
        stopped_by: max_steps, max_seconds or patience.
        arithmetic: what computed sparse gradients and ranks: `torch`, or `numba` with its version.
        preparation_seconds: before the first step: indexing, start values, perhaps a checkpoint.
    """

    config: TrialConfig
    seed: int
    model: Model
    metric: str
    best: float
    valid: Metrics
    valid_seconds: float
    curve: tuple[CurvePoint, ...]
    steps: int
    queries: int
    seconds: float
    training_seconds: float
    triples_per_second: float
    peak_rss_mb: float
    stopped_by: StopReason
    arithmetic: str
    preparation_seconds: float = 0.0

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, without the model."""
        return {
            "metric": self.metric,
            "best": self.best,
            "valid": self.valid.to_mapping(),
            "valid_seconds": self.valid_seconds,
            "seed": self.seed,
            "steps": self.steps,
            "queries": self.queries,
            "seconds": self.seconds,
            "training_seconds": self.training_seconds,
            "preparation_seconds": self.preparation_seconds,
            "triples_per_second": self.triples_per_second,
            "peak_rss_mb": self.peak_rss_mb,
            "stopped_by": self.stopped_by,
            "arithmetic": self.arithmetic,
            "curve": [asdict(point) for point in self.curve],
            "config": self.config.to_mapping(),
        }


def run(
    config: TrialConfig,
    graph: KnowledgeGraph,
    *,
    seed: int = 0,
    metric: str = "mrr",
    device: str = "auto",
    checkpoint: Path | None = None,
    save_end: bool = True,
    on_validation: Callable[[CurvePoint], None] = lambda point: None,
    clock: Clock = time.monotonic,
) -> RunResult:
    """Train one configuration on the train split and keep the parameters that validate best.

    Args:
        config: what to train and for how long.
        graph: the test split is used for one thing only, to leave known answers out of the ranking.
        seed: decides start values, batches, negatives and dropout.
        metric: what validation maximises, e.g. "mrr".
        device: "auto" takes a CUDA device if there is one, else the CPU.
        checkpoint: a .safetensors file; if it exists, training goes on from it. It is written now and then.
        save_end: whether it is written at the end too, so that the training can be taken up again with higher limits.
        on_validation: called after each validation.
        clock: seconds that only grow.

    Raises:
        ConfigError: for a name or an option that does not exist, or a combination that cannot work.
        Diverged: when a loss or a score stops being finite.
        OutOfMemory: when the device or the host has too little memory.
    """
    place = torch.device(pick_device(device))
    compile_kernels(place)
    compile_kernels(home_of(config, place))  # which ranks
    began = clock()
    with _own_torch_randomness(seed, place), _memory_as_error(config), keeping_freed_memory():
        sample = validation_rows(graph, config.training.max_valid_triples, seed)
        if len(sample) == 0:
            raise DataError(
                f"{graph.name} has no validation triples; training needs them to choose its best model"
            )
        last = final_rows(
            graph,
            int(config.model.options.get("dimension", 100)),
            seed,
            max_seconds=config.training.max_seconds,
        )
        final = len(last) / len(sample)
        trainer, limits_note = prepare(
            config,
            graph,
            seed=seed,
            device=place,
            checkpoint=checkpoint,
            clock=clock,
            final_validations=final,
        )
        identity = {"graph": graph.fingerprint, "configuration": limits_note, "seed": seed, "metric": metric}
        if checkpoint is not None and checkpoint.exists():
            load_checkpoint(checkpoint, trainer, identity)
        last_saved, save_seconds = clock(), 0.0
        preparation = last_saved - began
        trainer.limits = within_time(trainer.limits, preparation)

        def validate() -> float:
            return objective(metrics_of_rows(trainer.model, graph, sample), metric)

        def save() -> None:
            nonlocal last_saved, save_seconds
            if checkpoint is not None:
                began = clock()
                save_checkpoint(checkpoint, trainer, identity)
                last_saved = clock()
                save_seconds = last_saved - began

        def save_when_due() -> None:
            slow = save_seconds / SAVING_SHARE if save_seconds >= SLOW_SAVE else 0.0
            if clock() - last_saved >= max(CHECKPOINT_SECONDS, slow):
                save()

        def after_validation(point: CurvePoint) -> None:
            on_validation(point)
            if not trainer.ending:
                save_when_due()
            elif save_end:
                save()

        outcome = trainer.run(validate, after_validation, save_when_due, CHECKPOINT_SECONDS)
        started = clock()
        valid = metrics_of_rows(trainer.model, graph, last)
        valid_seconds = clock() - started
    return RunResult(
        config=config,
        seed=seed,
        model=trainer.model,
        metric=metric,
        best=outcome.best_metric,
        valid=valid,
        valid_seconds=valid_seconds,
        curve=outcome.curve,
        steps=outcome.steps,
        queries=outcome.queries,
        seconds=outcome.seconds,
        training_seconds=outcome.training_seconds,
        triples_per_second=outcome.queries / 2 / max(outcome.training_seconds, 1e-9),
        peak_rss_mb=peak_rss_mb(),
        stopped_by=outcome.stopped_by,
        arithmetic=arithmetic_on(home_of(config, place)),
        preparation_seconds=preparation,
    )


def arithmetic_on(device: torch.device) -> str:
    """What computes sparse gradients and ranks on a device: `torch`, or `numba` with its version."""
    return kernels.described() if device.type == "cpu" else "torch"


def within_time(limits: Limits, preparation: float) -> Limits:
    """The limits with a time that counts a long preparation, once before the training and once for what follows it.

    On a graph of millions of entities, indexing, drawing the start values and writing the result take as long as
    many steps; a budget would be overrun by them in each trial.
    """
    if limits.max_seconds is None or preparation < QUICK_START:
        return limits
    return replace(limits, max_seconds=max(limits.max_seconds - 2 * preparation, limits.max_seconds / 4))


def pick_device(name: str) -> str:
    """ "auto" to "cuda" where there is one and "cpu" elsewhere; other names are checked.

    Raises:
        ConfigError: for a device that this machine does not have.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"unknown device {name!r}. Known: auto, cpu, cuda, cuda:0, …") from None
    if kind.type not in ("cpu", "cuda"):
        raise ConfigError(f"unknown device {name!r}. Known: auto, cpu, cuda, cuda:0, …")
    if kind.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"the device {name!r} was asked for, but this machine has no usable CUDA device; use cpu"
        )
    if kind.type == "cuda" and kind.index is not None and kind.index >= torch.cuda.device_count():
        there = ", ".join(f"cuda:{number}" for number in range(torch.cuda.device_count()))
        raise ConfigError(f"the device {name!r} was asked for, but this machine has {there}")
    return name


def peak_rss_mb() -> float:
    """The largest resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def prepare(
    config: TrialConfig,
    graph: KnowledgeGraph,
    *,
    seed: int = 0,
    device: torch.device = CPU,
    checkpoint: Path | None = None,
    clock: Clock = time.monotonic,
    final_validations: float = 1.0,
) -> tuple[Trainer, dict[str, Any]]:
    """All parts of a training put together, before its first step; `run` is what trains.

    Args:
        config, graph, seed, checkpoint, clock: as for `run`. The checkpoint is not read here.
        device: where gradients are computed; parameters, queries and random numbers live in `home_of` it.
        final_validations: work that follows the last validation, in units of one validation.

    Returns:
        The trainer, and the part of the configuration that a checkpoint must agree with.

    Raises:
        ConfigError: for a name or an option that does not exist, or a combination that cannot work.
    """
    check(config)
    training = config.training
    if training.mode != "negative_sampling" and (reason := why_not_all_entities(graph)) is not None:
        raise ConfigError(
            f"training.mode {training.mode} does not suit {graph.name}: {reason}; use negative_sampling"
        )
    model = build_model(config.model, graph.n_entities, graph.n_relations)
    loss: Loss = create("loss", config.loss, LOSSES)
    regularizer: Regularizer = create("regularizer", config.regularizer, REGULARIZERS)
    negatives: NegativeSampler = create("negatives", config.negatives, NEGATIVES)
    optimizer: Optimizer = create("optimizer", config.optimizer, OPTIMIZERS)
    home = home_of(config, device)
    if training.mode == "negative_sampling":
        negatives = of_right_type(negatives, graph, home)
    model.initialize(torch.Generator().manual_seed(_stream(seed, 0)))  # on the CPU: alike on every device
    model.to(home)
    generator = torch.Generator(home).manual_seed(_stream(seed, 1))
    queries = TrainingQueries.of(
        graph.train,
        graph.known_answers(("train",)),
        graph.n_entities,
        graph.n_relations,
        frequency_weights=training.frequency_weights,
        device=home,
    )
    compile_kernels(device)
    compiled = arithmetic_on(device) != "torch"
    at_once = training.queries_at_once
    step: NegativeSamplingStep | AllEntitiesStep
    if training.mode == "negative_sampling":
        fetched = training.tables_on == "host"
        dense = _touches_most(config, negatives, graph.n_entities, optimizer.row_updates)
        if fetched and dense:
            raise ConfigError(
                f"training.tables_on host moves the rows of a batch only, and a batch touches most of {graph.name}, so "
                f"that optimizer.row_updates {optimizer.row_updates} moves all; use sparse, or tables_on device"
            )
        step = NegativeSamplingStep(
            model,
            loss,
            regularizer,
            negatives,
            queries,
            generator,
            dense=dense,
            compiled=compiled,
            torch_compile=training.compile,
            optimizer=optimizer,
            at_once=at_once,
            fetch_to=device if fetched else None,
        )
    else:
        every = training.mode == "k_vs_all"
        step = AllEntitiesStep(
            model,
            loss,
            regularizer,
            queries,
            generator,
            every_answer=every,
            low_precision=low_precision(training.precision, device, graph.n_entities),
            at_once=at_once,
        )
    max_steps = training.max_steps
    if training.max_epochs is not None:
        batch_size = min(training.batch_size, step.n)
        max_steps = min(max_steps, max(1, math.ceil(training.max_epochs * step.n / batch_size)))
    trainer = Trainer(
        model,
        step,
        optimizer,
        Batches(step.n, training.batch_size, generator),
        EarlyStopping(training.patience, training.halve_learning_rate_after),
        Limits(
            max_steps,
            training.validate_every,
            training.max_seconds,
            training.validate_every_seconds,
            final_validations,
        ),
        BestParameters(
            model, checkpoint.with_name(f"{checkpoint.name}.best") if checkpoint is not None else None
        ),
        clock,
        device,
    )
    settings = config.to_mapping()
    # A training may go on longer than it was first meant to, then validate less often, and with less memory.
    limits = (
        "max_steps",
        "max_epochs",
        "max_seconds",
        "patience",
        "validate_every",
        "validate_every_seconds",
        "queries_at_once",
        "tables_on",
    )
    for limit in limits:
        settings["training"].pop(limit)
    return trainer, settings


def home_of(config: TrialConfig, device: torch.device) -> torch.device:
    """Where parameters, queries and random numbers of a training live that computes its gradients on a device."""
    return CPU if config.training.tables_on == "host" else device


def compile_kernels(device: torch.device) -> None:
    """Compile all kernels that trainings and rankings on a device call, or read them from the cache; once a process.

    Done before the clock of a training starts, so that a short trial does not pay for it.
    """
    if arithmetic_on(device) != "torch":
        _compile_all()


@cache
def _compile_all() -> None:
    from kgtuner.training import compiled_contest  # imports Numba

    # A kernel is told by numbers which distance and which optimiser is meant, so one of each stands for all.
    model = build_model(Component(name="rotate", options={"dimension": 4}), 2, 1)
    compiled_contest.compile_ahead(model, OPTIMIZERS["adam"]())
    nothing = np.empty(0, dtype=np.int64)
    pair = model.entities.new_zeros(2, model.entities.shape[1])
    compiled_ranks(model.score_candidates(pair, pair), np.zeros(2, dtype=np.int64), nothing, nothing)


def _touches_most(config: TrialConfig, negatives: NegativeSampler, n_entities: int, row_updates: str) -> bool:
    """Whether a step is expected to touch so many entity rows that all are updated."""
    if row_updates != "auto":
        return row_updates == "dense"
    batch = config.training.batch_size
    own_set = negatives.set_size if isinstance(negatives, Typed) else negatives.num_negatives
    drawn = own_set if config.negatives.name == "shared" else negatives.num_negatives * batch
    return 1 - math.exp(-(drawn + 2 * batch) / n_entities) >= DENSE_FROM


@contextmanager
def _own_torch_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Layers such as dropout draw from torch's global generator: seed it here, and give it back as it was."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(_stream(seed, 2))
        yield


def _stream(seed: int, purpose: int) -> int:
    """A seed of its own for each purpose. Torch reads 32 bits of a seed, so adding to it is not enough."""
    return int(np.random.SeedSequence([seed, purpose]).generate_state(1)[0])


@contextmanager
def _memory_as_error(config: TrialConfig) -> Iterator[None]:
    """Turn the ways of running out of memory into one error that says what would help."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise OutOfMemory(_out_of_memory(config)) from error
    except RuntimeError as error:
        if any(
            told in str(error) for told in ("can't allocate memory", "not enough memory", "out of memory")
        ):
            raise OutOfMemory(_out_of_memory(config)) from error
        raise


def _out_of_memory(config: TrialConfig) -> str:
    return (
        f"out of memory with dimension {config.model.options.get('dimension', 100)} and batch size "
        f"{config.training.batch_size}; a smaller model.dimension or training.batch_size needs less"
    )
