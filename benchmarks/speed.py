"""How fast are training steps and filtered ranking, beside other libraries and beside the limit of the machine?

    python benchmarks/speed.py                     # every row on WN18RR; finished rows are kept and skipped
    python benchmarks/speed.py --rows complex-shared ranking-complex --again
    python benchmarks/speed.py --table             # the results as a Markdown table

The peers are optional: pip install pykeen==1.11.1 torchkge==0.17.7. A row without one of them says so, and is
measured again once it is there.

Each contestant of a row lives in a process of its own, so that none changes the memory or the threads of another,
and they take turns in rounds on an otherwise idle machine: ours, peer, limit, ours, peer, limit, … Only one works
at a time. All use the same number of threads. Figures are the median of all timed steps, with the fastest and the
slowest.

A query is one (h, r, ?) or (?, r, t) with its negatives. We train a triple in both directions, which is two
queries; PyKEEN and TorchKGE corrupt one side of a triple at a time, which is one query with as many negatives.
All independent negatives are drawn while the step is timed, by each library's own sampler. Ours also looks up and
masks negatives that are true, where the loss asks for it; the peers do not.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import itertools
import json
import multiprocessing
import os
import statistics
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib import metadata
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import record
import torch
from torch import Tensor, nn

import kgtuner as kt
from kgtuner.config import Precision

GRAPH = "wn18rr"
BATCH = 512
NEGATIVES = 128
RATE = 0.1
PEERS = ("pykeen", "torchkge")
LIBKGE_QUERIES, LIBKGE_LIMIT = 684, 1_800
"""LibKGE's ComplEx, 1vsAll, cross entropy, 200 reals, in queries/s, and the fp32 matmul limit measured with it."""
SAMPLE = {"pykeen": 256, "torchkge": 64}
"""Validation triples that a peer ranks; the time is scaled to all of them."""
RANKING_BATCHES = (1, 8, 32)
"""Triples that a peer may rank at once: each gets the fastest of these, tried before its time is taken."""

# What a contestant hands back: a function that makes about so many seconds of steps and returns, for each step,
# (seconds, units). Units are queries for training and rankings of the whole validation split for evaluation.
Round = Callable[[float], list[tuple[float, float]]]


class Unavailable(Exception):
    """A contestant that cannot take part here, and why."""


def ours_config(
    model: str,
    dimension: int,
    *,
    negatives: str = "independent",
    mode: str = "negative_sampling",
    loss: str = "cross_entropy",
    precision: str = "fp32",
) -> kt.TrialConfig:
    return kt.TrialConfig.from_mapping(
        {
            "model": {"name": model, "dimension": dimension},
            "loss": {"name": loss},
            "regularizer": {"name": "none"},
            "negatives": {"name": negatives, "num_negatives": NEGATIVES},
            "optimizer": {"name": "adagrad", "learning_rate": RATE},
            "training": {"mode": mode, "batch_size": BATCH, "precision": precision},
        }
    )


ADVERSARIAL = {"loss": "bce_adversarial"}
ALL = {"mode": "one_vs_all"}
# row -> contestant -> (the function below that builds it, its arguments)
ROWS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "complex-shared": {
        "ours": ("ours_training", {"model": "complex", "dimension": 200, "negatives": "shared"}),
        "pykeen": ("pykeen_training", {"model": "ComplEx", "width": 100}),
        "torchkge": ("torchkge_training", {"model": "complex", "width": 100}),
    },
    "complex-independent": {
        "ours": ("ours_training", {"model": "complex", "dimension": 200}),
        "pykeen": ("pykeen_training", {"model": "ComplEx", "width": 100}),
        "torchkge": ("torchkge_training", {"model": "complex", "width": 100}),
    },
    "transe-independent": {
        "ours": ("ours_training", {"model": "transe", "dimension": 100, **ADVERSARIAL}),
        "pykeen": ("pykeen_training", {"model": "TransE", "width": 100, "loss": "nssa"}),
        "torchkge": ("torchkge_training", {"model": "transe", "width": 100}),
    },
    "rotate-independent": {
        "ours": ("ours_training", {"model": "rotate", "dimension": 100, **ADVERSARIAL}),
        "pykeen": ("pykeen_training", {"model": "RotatE", "width": 50, "loss": "nssa"}),
    },
    "complex-1vsall-fp32": {
        "ours": ("ours_training", {"model": "complex", "dimension": 200, **ALL}),
        "pykeen": ("pykeen_training", {"model": "ComplEx", "width": 100, "all_entities": True}),
        "limit": ("three_matmuls", {"precision": "fp32"}),
    },
    "complex-1vsall-bf16": {
        "ours": ("ours_training", {"model": "complex", "dimension": 200, "precision": "bf16", **ALL}),
        "limit": ("three_matmuls", {"precision": "bf16"}),
    },
    "conve-1vsall-fp32": {
        "ours": ("ours_training", {"model": "conve", "dimension": 200, **ALL}),
        "limit": ("conve_operators", {"precision": "fp32"}),
    },
    "conve-1vsall-bf16": {
        "ours": ("ours_training", {"model": "conve", "dimension": 200, "precision": "bf16", **ALL}),
        "limit": ("conve_operators", {"precision": "bf16"}),
    },
    "ranking-complex": {
        "ours": ("ours_ranking", {"model": "complex", "dimension": 200}),
        "pykeen": ("pykeen_ranking", {"model": "ComplEx", "width": 100}),
        "torchkge": ("torchkge_ranking", {"model": "complex", "width": 100}),
    },
    "ranking-transe": {
        "ours": ("ours_ranking", {"model": "transe", "dimension": 100}),
        "pykeen": ("pykeen_ranking", {"model": "TransE", "width": 100}),
        "torchkge": ("torchkge_ranking", {"model": "transe", "width": 100}),
    },
    "ranking-rotate": {
        "ours": ("ours_ranking", {"model": "rotate", "dimension": 100}),
        "pykeen": ("pykeen_ranking", {"model": "RotatE", "width": 50}),
    },
}
WHAT = {
    "complex-shared": "ComplEx 200 reals, 128 shared negatives (peers: independent)",
    "complex-independent": "ComplEx 200 reals, 128 independent negatives",
    "transe-independent": "TransE 100, L1, 128 independent negatives",
    "rotate-independent": "RotatE 100 reals, 128 independent negatives",
    "complex-1vsall-fp32": "ComplEx 200 reals, all entities, cross entropy, fp32",
    "complex-1vsall-bf16": "ComplEx 200 reals, all entities, cross entropy, bf16 matmuls",
    "conve-1vsall-fp32": "ConvE 200, all entities, cross entropy, fp32",
    "conve-1vsall-bf16": "ConvE 200, all entities, cross entropy, bf16 matmuls",
    "ranking-complex": "filtered ranking of valid, ComplEx 200 reals",
    "ranking-transe": "filtered ranking of valid, TransE 100, L1",
    "ranking-rotate": "filtered ranking of valid, RotatE 100 reals",
}


# ---------------------------------------------------------------- ours


def ours_training(graph: kt.KnowledgeGraph, **settings: Any) -> Round:
    """The trainer's step, as a training calls it, with the memory setting a training has."""
    from kgtuner.errors import ConfigError
    from kgtuner.experiment import _prepare
    from kgtuner.training.allocation import keeping_freed_memory

    try:
        config = ours_config(**settings)
        trainer, _ = _prepare(config, graph, 0, torch.device("cpu"), None, time.monotonic, 1.0)
    except ConfigError as error:  # no bfloat16 arithmetic here
        raise Unavailable(str(error)) from None
    trainer.model.train()

    def step() -> int:
        batch = trainer.batches.next()
        trainer._step(batch)
        return len(batch)

    return stepping(step, keeping_freed_memory)


def ours_ranking(graph: kt.KnowledgeGraph, **settings: Any) -> Round:
    """What a training calls to validate, on the whole validation split in both directions."""
    from kgtuner.evaluation.evaluator import validation_metrics
    from kgtuner.experiment import build_model
    from kgtuner.training.allocation import keeping_freed_memory
    from kgtuner.types import SPLITS

    model = build_model(ours_config(**settings).model, graph.n_entities, graph.n_relations)
    model.initialize(torch.Generator().manual_seed(0))
    model.eval()
    graph.known_answers(SPLITS)  # built once per graph

    def step() -> int:
        validation_metrics(model, graph, graph.valid)
        return 1

    return stepping(step, keeping_freed_memory, warm=False)


# ---------------------------------------------------------------- limits: the bare operators


def table_and_scores(n_entities: int, precision: Precision) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Entities (n, 200), their gradient, queries (b, 200) and scores (b, n), in the type of the matmuls."""
    from kgtuner.errors import ConfigError
    from kgtuner.training.precision import low_precision

    try:
        low = low_precision(precision, torch.device("cpu"), n_entities)
    except ConfigError as error:
        raise Unavailable(str(error)) from None
    dtype = torch.bfloat16 if low else torch.float32
    generator = torch.Generator().manual_seed(0)
    entities = torch.randn(n_entities, 200, generator=generator).to(dtype)
    queries = torch.randn(BATCH, 200, generator=generator).to(dtype)
    return entities, torch.empty_like(entities), queries, entities.new_empty(BATCH, n_entities)


def three_matmuls(graph: kt.KnowledgeGraph, *, precision: Precision) -> Round:
    """Scores, gradient of the queries, gradient of the entities; nothing else."""
    entities, at_entities, queries, scores = table_and_scores(graph.n_entities, precision)
    at_queries = torch.empty_like(queries)

    def step() -> int:
        torch.mm(queries, entities.T, out=scores)
        torch.mm(scores, entities, out=at_queries)
        torch.mm(scores.T, queries, out=at_entities)
        return BATCH

    return stepping(step, nullcontext)


def conve_operators(graph: kt.KnowledgeGraph, *, precision: Precision) -> Round:
    """ConvE's convolution, linear layer and score matmul, forward and backward; no norms, dropout or loss."""
    from kgtuner.training.allocation import keeping_freed_memory

    entities, at_entities, _, scores = table_and_scores(graph.n_entities, precision)
    convolution = nn.Conv2d(1, 32, 3)
    linear = nn.Linear(32 * 38 * 8, 200)
    image = torch.randn(BATCH, 1, 40, 10).requires_grad_()
    parameters = [image, *convolution.parameters(), *linear.parameters()]

    def step() -> int:
        query = linear(convolution(image).flatten(1))
        seen = query.detach().to(entities.dtype)
        torch.mm(seen, entities.T, out=scores)
        at_query = torch.mm(scores, entities)
        torch.mm(scores.T, seen, out=at_entities)
        torch.autograd.grad(query, parameters, at_query.to(query.dtype))
        return BATCH

    return stepping(step, keeping_freed_memory)


# ---------------------------------------------------------------- PyKEEN


def pykeen_model(graph: kt.KnowledgeGraph, model: str, width: int, loss: str | None) -> tuple[Any, Any]:
    """A model without regulariser, and the training triples. Widths are complex numbers for ComplEx and RotatE."""
    from pykeen.models import model_resolver
    from pykeen.triples import CoreTriplesFactory

    # ConvE needs inverse relations in PyKEEN, which double its (h, r) pairs as ours are doubled.
    factory = CoreTriplesFactory(
        torch.as_tensor(np.array(graph.train)),
        num_entities=graph.n_entities,
        num_relations=graph.n_relations,
        create_inverse_triples=model == "ConvE",
    )
    options: dict[str, Any] = {"embedding_dim": width, "random_seed": 0}
    if model == "ConvE":
        options |= {"embedding_height": 20, "embedding_width": 10, "input_channels": 1}
        options |= {"input_dropout": 0.0, "output_dropout": 0.0, "feature_map_dropout": 0.0}
    else:
        options["regularizer"] = None
    if loss is not None:
        options["loss"] = loss
    return model_resolver.make(model, triples_factory=factory, **options), factory


def pykeen_training(
    graph: kt.KnowledgeGraph, *, model: str, width: int, loss: str | None = None, all_entities: bool = False
) -> Round:
    """PyKEEN's own training loop, unchanged: its data loader, sampler, loss, optimiser and constraints.

    `train` is called on a random part of the triples with the whole vocabulary: tables, gradients and
    negatives have their full size, while an epoch is only a few batches. Time is taken from the start
    of one step to the start of the next by a callback, so that loading and drawing count, while start and end of
    an epoch do not. The loss is PyKEEN's default for the model (ComplEx: softplus) unless ours is adversarial
    or over all entities. Each library trains with a loss of its own, so losses differ.
    """
    from pykeen.training import LCWATrainingLoop, SLCWATrainingLoop
    from pykeen.training.callbacks import TrainingCallback

    peer, factory = pykeen_model(graph, model, width, "crossentropy" if all_entities else loss)
    optimizer = torch.optim.Adagrad(peer.get_grad_params(), lr=RATE)
    common = {"model": peer, "triples_factory": factory, "optimizer": optimizer}
    loop = (
        LCWATrainingLoop(**common, automatic_memory_optimization=False)
        if all_entities
        else SLCWATrainingLoop(
            **common,
            automatic_memory_optimization=False,
            negative_sampler="basic",
            negative_sampler_kwargs={"num_negs_per_pos": NEGATIVES},
        )
    )
    generator = torch.Generator().manual_seed(0)
    starts: list[float] = []

    class Clock(TrainingCallback):
        def pre_batch(self, **kwargs: Any) -> None:
            # Between two of these calls lies one whole step: gradients, optimiser, loading of the next batch.
            starts.append(time.perf_counter())

    def epoch(steps: int) -> list[tuple[float, float]]:
        n = min(len(graph.train), int((steps + 1) * BATCH * (1.25 if all_entities else 1)))
        # Over all entities a batch is 512 distinct (h, r), of which some triples share one.
        part = torch.randperm(len(graph.train), generator=generator)[:n]
        few = factory.clone_and_exchange_triples(factory.mapped_triples[part])
        trained = bool(loop.losses_per_epochs)
        starts.clear()
        loop.train(
            few,
            num_epochs=len(loop.losses_per_epochs) + 1,
            batch_size=BATCH,
            sub_batch_size=BATCH,
            continue_training=trained,
            drop_last=True,  # full batches only
            use_tqdm=False,
            pin_memory=False,
            callbacks=Clock(),
        )
        return [(after - before, float(BATCH)) for before, after in itertools.pairwise(starts)]

    warm = epoch(2)

    def some(seconds: float) -> list[tuple[float, float]]:
        return epoch(max(2, min(40, round(seconds / warm[-1][0]))))

    return some


def pykeen_ranking(graph: kt.KnowledgeGraph, *, model: str, width: int) -> Round:
    """PyKEEN's RankBasedEvaluator on a sample, scaled; what a call costs whatever the count is taken once.

    Filtered by all three splits.
    """
    from pykeen.evaluation import RankBasedEvaluator

    peer, factory = pykeen_model(graph, model, width, None)
    evaluator = RankBasedEvaluator(filtered=True)
    others = [torch.as_tensor(np.array(graph.split(name))) for name in ("valid", "test")]

    def seconds(triples: Tensor, batch: int) -> float:
        started = time.perf_counter()
        evaluator.evaluate(
            peer,
            triples,
            batch_size=batch,
            use_tqdm=False,
            additional_filter_triples=[factory.mapped_triples, *others],
            do_time_consuming_checks=False,
        )
        return time.perf_counter() - started

    return scaled(graph, "pykeen", seconds)


# ---------------------------------------------------------------- TorchKGE


def torchkge_model(graph: kt.KnowledgeGraph, model: str, width: int) -> Any:
    from torchkge.models import ComplExModel, TransEModel

    if model == "complex":
        return ComplExModel(width, graph.n_entities, graph.n_relations)
    return TransEModel(width, graph.n_entities, graph.n_relations, dissimilarity_type="L1")


def torchkge_triples(graph: kt.KnowledgeGraph, triples: Tensor, known: Any = None) -> Any:
    """Triples in TorchKGE's form, with its filters of `known`, or of these triples themselves."""
    from torchkge import KnowledgeGraph

    filters = (
        {}
        if known is None
        else {name: getattr(known, name) for name in ("dict_of_heads", "dict_of_tails", "dict_of_rels")}
    )
    return KnowledgeGraph(
        kg={"heads": triples[:, 0], "relations": triples[:, 1], "tails": triples[:, 2]},
        ent2ix={i: i for i in range(graph.n_entities)},
        rel2ix={i: i for i in range(graph.n_relations)},
        **filters,
    )


def torchkge_training(graph: kt.KnowledgeGraph, *, model: str, width: int) -> Round:
    """The training loop of TorchKGE's documentation: its data loader, sampler, model and loss.

    Its Trainer class knows only one negative a triple, so the documented loop is written out, with 128.
    """
    from torchkge.sampling import UniformNegativeSampler
    from torchkge.utils import LogisticLoss, MarginLoss
    from torchkge.utils.data import DataLoader

    triples = torch.as_tensor(np.array(graph.train))
    triples = triples[torch.randperm(len(triples), generator=torch.Generator().manual_seed(0))]
    facts = torchkge_triples(graph, triples)
    sampler = UniformNegativeSampler(facts, n_neg=NEGATIVES)
    peer = torchkge_model(graph, model, width)
    criterion = LogisticLoss() if model == "complex" else MarginLoss(9.0)
    optimizer = torch.optim.Adagrad(peer.parameters(), lr=RATE)

    def batches() -> Iterator[Any]:
        while True:
            yield from DataLoader(facts, batch_size=BATCH)

    loader = batches()

    def step() -> int:
        heads, tails, relations = next(loader)
        optimizer.zero_grad()
        negative_heads, negative_tails = sampler.corrupt_batch(heads, tails, relations, NEGATIVES)
        positive, negative = peer(heads, tails, relations, negative_heads, negative_tails)
        criterion(positive, negative).backward()
        optimizer.step()
        return len(heads)

    return stepping(step, nullcontext)


def torchkge_ranking(graph: kt.KnowledgeGraph, *, model: str, width: int) -> Round:
    """TorchKGE's LinkPredictionEvaluator on a sample, scaled. It ranks raw and filtered in one go."""
    from torchkge import LinkPredictionEvaluator

    every = torch.as_tensor(np.concatenate([graph.train, graph.valid, graph.test]))
    known = torchkge_triples(graph, every)
    peer = torchkge_model(graph, model, width)
    peer.eval()

    def seconds(triples: Tensor, batch: int) -> float:
        evaluator = LinkPredictionEvaluator(peer, torchkge_triples(graph, triples, known))
        started = time.perf_counter()
        with torch.no_grad():
            evaluator.evaluate(b_size=batch, verbose=False)
        return time.perf_counter() - started

    return scaled(graph, "torchkge", seconds)


# ---------------------------------------------------------------- timing


def stepping(step: Callable[[], int], around: Callable[[], Any], *, warm: bool = True) -> Round:
    """Rounds of steps for so many seconds, at least two; before them two that only warm up."""

    def some(seconds: float) -> list[tuple[float, float]]:
        times: list[tuple[float, float]] = []
        with around():
            for _ in range(2 if warm else 0):
                step()
            began = time.perf_counter()
            while len(times) < 2 or time.perf_counter() - began < seconds:
                started = time.perf_counter()
                units = step()
                times.append((time.perf_counter() - started, float(units)))
        return times

    return some


def scaled(graph: kt.KnowledgeGraph, peer: str, seconds: Callable[[Tensor, int], float]) -> Round:
    """One time a round for all validation triples, from a sample of them.

    The time of one batch alone is subtracted from that of the sample, so that what a call costs apart
    from its triples counts once and is not scaled.

    Args:
        seconds: how long ranking some triples takes, so many at once.
    """
    valid = torch.as_tensor(np.array(graph.valid))
    valid = valid[torch.randperm(len(valid), generator=torch.Generator().manual_seed(0))]
    few = max(RANKING_BATCHES)
    count = min(SAMPLE[peer], len(valid) - few)
    if count <= 0:
        raise Unavailable(f"{graph.name} has too few validation triples")
    seconds(valid[:few], 1)
    batch = min(RANKING_BATCHES, key=lambda size: seconds(valid[:few], size))

    def some(_: float) -> list[tuple[float, float]]:
        base = seconds(valid[:batch], batch)
        more = seconds(valid[: batch + count], batch) - base
        return [(base + more * (len(valid) - batch) / count, 1.0)]

    return some


def resident_mb() -> tuple[float | None, float | None]:
    """Resident memory now and its peak since the last reset, in MB; None where the system does not say."""
    try:
        with open("/proc/self/status", encoding="utf-8") as file:
            sizes = dict(line.split(":", 1) for line in file)
        return int(sizes["VmRSS"].split()[0]) / 1024, int(sizes["VmHWM"].split()[0]) / 1024
    except (OSError, KeyError):
        return None, None


def reset_peak() -> None:
    """Let the peak start from what is resident now."""
    gc.collect()
    try:
        with open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
            file.write("5")
    except OSError:
        pass  # the peak then covers the making of the model too


def serve(
    connection: Connection, row: str, contestant: str, graph: str, threads: int, core: int | None
) -> None:
    """The life of a contestant: build, say so, then one round for each number of seconds received."""
    if core is not None:
        os.sched_setaffinity(0, range(core, core + threads))
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    np.random.seed(0)
    warnings.simplefilter("ignore")
    try:
        build, settings = ROWS[row][contestant]
        if contestant in PEERS and not installed(contestant):
            raise Unavailable("not installed")
        if contestant in PEERS:
            import logging

            logging.disable(logging.WARNING)
        work: Round = globals()[build](kt.load_dataset(graph), **settings)
        reset_peak()
        model_mb, _ = resident_mb()
        connection.send(("ready", None))
        while (seconds := connection.recv()) is not None:
            connection.send(("times", work(seconds)))
        _, peak_mb = resident_mb()
        connection.send(("memory", (model_mb, peak_mb)))
    except Unavailable as reason:
        connection.send(("unavailable", str(reason)))
    except EOFError:
        pass  # the parent stopped
    except Exception:  # handed to the parent, which stops with it
        connection.send(("failed", traceback.format_exc()))


def installed(peer: str) -> bool:
    return importlib.util.find_spec(peer) is not None


class Contestant:
    """A contestant's process, from the parent's side."""

    def __init__(self, row: str, name: str, options: argparse.Namespace, graph: str) -> None:
        self.name = name
        self.times: list[tuple[float, float]] = []
        spawn = multiprocessing.get_context("spawn")  # a fork would share the memory settings of its parent
        self._connection, theirs = spawn.Pipe()
        arguments = (theirs, row, name, graph, options.threads, options.core)
        self._process = spawn.Process(target=serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self.missing: str | None = None

    def wait(self) -> None:
        """Until everything is built; before this, contestants are built side by side."""
        kind, value = self._receive()
        self.missing = value if kind == "unavailable" else None

    def round(self, seconds: float) -> None:
        self._connection.send(seconds)
        self.times += self._receive()[1]

    def finish(self) -> tuple[float | None, float | None]:
        """Resident MB with the model made and nothing done yet, and the peak afterwards."""
        self._connection.send(None)
        memory: tuple[float | None, float | None] = self._receive()[1]
        self._process.join()
        return memory

    def _receive(self) -> tuple[str, Any]:
        try:
            kind, value = self._connection.recv()
        except EOFError:
            raise SystemExit(f"{self.name} ended without an answer; perhaps out of memory") from None
        if kind == "failed":
            raise SystemExit(f"{self.name} failed:\n{value}")
        return kind, value


def measured(row: str, graph: str, options: argparse.Namespace) -> dict[str, Any]:
    """All contestants of one row, in rounds."""
    names = [name for name in ROWS[row] if not (options.quick and name in PEERS)]
    contestants = [Contestant(row, name, options, graph) for name in names]
    for contestant in contestants:
        contestant.wait()
    racing = [contestant for contestant in contestants if contestant.missing is None]
    for _ in range(options.rounds):
        for contestant in racing:
            contestant.round(options.seconds)
    ranking = row.startswith("ranking")
    figures: dict[str, Any] = {}
    for contestant in contestants:
        if contestant.missing is not None:
            figures[contestant.name] = {"missing": contestant.missing}
            continue
        model_mb, peak_mb = contestant.finish()
        each = sorted(seconds / units for seconds, units in contestant.times)
        median = statistics.median(each)
        found: dict[str, Any] = (
            {"seconds": significant(median), "min": significant(each[0]), "max": significant(each[-1])}
            if ranking
            else {
                "queries_per_second": significant(1 / median),
                "min": significant(1 / each[-1]),
                "max": significant(1 / each[0]),
                "step_ms": significant(median * BATCH * 1e3),
            }
        )
        found["timed"] = len(each)
        if model_mb is not None and peak_mb is not None:
            found["peak_rss_mb"] = round(peak_mb)
            if ranking:
                found["peak_above_model_mb"] = round(peak_mb - model_mb)
        if ranking and contestant.name in SAMPLE:
            found["scaled_from_triples"] = SAMPLE[contestant.name]
        if contestant.name == "limit" and "matmuls" in ROWS[row]["limit"][0]:
            operations = 3 * 2 * 200 * kt.load_dataset(graph).n_entities
            found["gflops"] = round(operations / median / 1e9)
        figures[contestant.name] = found
    return {
        "row": row,
        "what": WHAT[row],
        "graph": graph,
        "unit": "seconds for the validation split in both directions" if ranking else "queries per second",
        "threads": options.threads,
        "rounds": options.rounds,
        "seconds_per_round": options.seconds,
        "torch": metadata.version("torch"),
        "peers": {name: metadata.version(name) for name in PEERS if installed(name)},
        "load_average": round(os.getloadavg()[0], 2),
        "contestants": figures,
    }


def significant(value: float) -> float:
    """Four significant digits."""
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded >= 1_000 else rounded


# ---------------------------------------------------------------- results


def table(rows: list[dict[str, Any]]) -> str:
    """A Markdown table: ours, peers, limit and the ratios between them; above 1 is faster than the other."""
    lines = [
        "| work, WN18RR | ours | PyKEEN | TorchKGE | limit | ours / PyKEEN | ours / TorchKGE | limit / ours |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: list(ROWS).index(row["row"])):
        ranking = row["row"].startswith("ranking")
        found = row["contestants"]

        def value(name: str, found: dict[str, Any] = found, ranking: bool = ranking) -> float | None:
            figure: float | None = found.get(name, {}).get("seconds" if ranking else "queries_per_second")
            return figure

        def cell(name: str, found: dict[str, Any] = found, ranking: bool = ranking) -> str:
            if name not in found:
                return "–"
            figure = found[name]
            if "missing" in figure:
                return str(figure["missing"])
            if not ranking:
                return f"{figure['queries_per_second']:,.0f} /s ({figure['min']:,.0f}–{figure['max']:,.0f})"
            memory = figure.get("peak_above_model_mb")
            words = f"{figure['seconds']:,.2f} s ({figure['min']:,.2f}–{figure['max']:,.2f})"
            words += f", {memory:,} MB" if memory is not None else ""
            return words + (" *" if "scaled_from_triples" in figure else "")

        def ratio(name: str, other: str, ranking: bool = ranking) -> str:
            a, b = value(name), value(other)
            if a is None or b is None:
                return "–"
            times = b / a if ranking else a / b
            return f"{times:.2f}x" if times < 10 else f"{times:.0f}x"

        cells = [row["what"], *(cell(name) for name in ("ours", *PEERS, "limit"))]
        cells += [ratio("ours", peer) for peer in PEERS] + [ratio("limit", "ours")]
        lines.append("| " + " | ".join(cells) + " |")
    by_name = {row["row"]: row["contestants"] for row in rows}
    limit = by_name.get("complex-1vsall-fp32", {}).get("limit", {}).get("queries_per_second")
    lines += [
        "",
        "Median (slowest–fastest step). Ranking: seconds for all validation triples in both directions, and the "
        "peak memory above that of the model; limits are the bare operators.",
    ]
    if any("scaled_from_triples" in figure for row in rows for figure in row["contestants"].values()):
        words = ", ".join(f"{name} {count}" for name, count in SAMPLE.items())
        lines.append(
            f"\\* Scaled from a random sample of validation triples ({words}), "
            "in the fastest of several batch sizes."
        )
    if limit is not None:
        scaled_peer = LIBKGE_QUERIES * limit / LIBKGE_LIMIT
        beside = [
            f"{name} {by_name[row]['ours']['queries_per_second'] / scaled_peer:.1f}x"
            for name, row in (("fp32", "complex-1vsall-fp32"), ("bf16", "complex-1vsall-bf16"))
            if "queries_per_second" in by_name.get(row, {}).get("ours", {})
        ]
        lines.append(
            f"LibKGE's 1vsAll ComplEx, {LIBKGE_QUERIES} queries/s where the fp32 limit was {LIBKGE_LIMIT:,}, "
            f"is {scaled_peer:,.0f} at this limit; ours beside it: {', '.join(beside)}."
        )
    return "\n".join(lines)


def complete(row: dict[str, Any]) -> bool:
    """Whether no peer that was missing has been installed since."""
    return not any(
        figure.get("missing") == "not installed" and installed(name)
        for name, figure in row["contestants"].items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a round, at least two steps")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--core", type=int, help="pin everything to this core (and the next, with more threads)"
    )
    parser.add_argument("--again", action="store_true", help="measure rows again that are already there")
    parser.add_argument("--table", action="store_true", help="print the results as Markdown, measure nothing")
    parser.add_argument("--dry", action="store_true", help="print, keep nothing")
    parser.add_argument("--quick", action="store_true", help="two rows of world without peers, nothing kept")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 0.05
        for row in ("complex-1vsall-fp32", "ranking-complex"):
            print(json.dumps(measured(row, "world", options)), flush=True)
        return
    path = record.RESULTS / "speed.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    if options.table:
        print(table(rows))
        return
    for name in options.rows:
        same = [row for row in rows if row["row"] == name and row["threads"] == options.threads]
        if any(complete(row) for row in same) and not options.again:
            continue
        found = measured(name, GRAPH, options)
        print(json.dumps(found), flush=True)
        rows = [other for other in rows if other not in same] + [found]
        if not options.dry:
            record.write("speed", {"rows": rows})
    if options.dry:
        print(table([row for row in rows if row["row"] in options.rows]))


if __name__ == "__main__":
    main()
