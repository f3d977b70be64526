"""One training as a whole: it learns, repeats itself bit by bit, goes on where it was cut off, and fails in words."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from kgtuner import experiment, kernels
from kgtuner.config import TrialConfig
from kgtuner.errors import ConfigError, DataError, Diverged, OutOfMemory, RunError
from kgtuner.evaluation import evaluator
from kgtuner.experiment import RunResult, _touches_most, home_of, pick_device, prepare, run
from kgtuner.graph.entity_types import EntityTypes
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS
from kgtuner.negatives.typed import Typed
from kgtuner.negatives.uniform import Shared
from kgtuner.training.fetched_gradient import FetchedGradient
from kgtuner.training.trainer import CurvePoint, Trainer


def thirty_triples() -> KnowledgeGraph:
    """Random triples, no two of them inverse; they are validated on themselves, to see what is memorised."""
    rng = np.random.default_rng(0)
    triples: list[tuple[int, int, int]] = []
    taken: set[frozenset[int]] = set()
    while len(triples) < 30:
        h, r, t = (int(x) for x in rng.integers([15, 3, 15]))
        if h != t and frozenset((h, t)) not in taken:
            taken.add(frozenset((h, t)))
            triples.append((h, r, t))
    return KnowledgeGraph.from_arrays(triples, triples, [(0, 0, 1)])


GRAPH = thirty_triples()


def config(**changes: Any) -> TrialConfig:
    """ComplEx for 30 steps, with names such as `model__name` for model.name."""
    base = TrialConfig.from_flat(
        {
            "model.name": "complex",
            "model.dimension": 8,
            "loss.name": "bce_mean",
            "negatives.name": "independent",
            "negatives.num_negatives": 6,
            "optimizer.name": "adam",
            "optimizer.learning_rate": 0.05,
            "training.batch_size": 16,
            "training.max_steps": 30,
            "training.validate_every": 5,
            "training.patience": 100,
        }
    )
    return base.updated({name.replace("__", "."): value for name, value in changes.items()})


def digest(result: RunResult) -> str:
    """All parameters and validations, to the last bit; times aside."""
    sha = hashlib.sha256()
    for name, value in sorted(result.model.state_dict().items()):
        sha.update(name.encode() + value.numpy().tobytes())
    points = [(p.step, p.loss, p.metric) for p in result.curve]
    sha.update(repr((points, result.best, result.steps, result.queries, result.stopped_by)).encode())
    return sha.hexdigest()


# ---------------------------------------------------------------------- learning


@pytest.mark.parametrize(
    ("model", "mode", "loss", "least"),
    [
        ("complex", "one_vs_all", "cross_entropy", 0.99),
        ("complex", "k_vs_all", "bce_sum", 0.99),
        ("complex", "negative_sampling", "bce_mean", 0.99),
        ("complex", "negative_sampling", "margin_ranking", 0.99),
        ("complex", "negative_sampling", "cross_entropy", 0.99),
        ("rescal", "one_vs_all", "cross_entropy", 0.99),
        ("tucker", "k_vs_all", "bce_sum", 0.99),
        ("autosf", "one_vs_all", "cross_entropy", 0.99),
        ("conve", "one_vs_all", "cross_entropy", 0.99),
        ("rotate", "negative_sampling", "bce_adversarial", 0.99),
        (
            "transe",
            "negative_sampling",
            "bce_adversarial",
            0.85,
        ),  # no vector from a to b and on to c and back
        ("distmult", "one_vs_all", "cross_entropy", 0.7),  # symmetric: (b, r, a) looks as true as (a, r, b)
    ],
)
def test_model_memorises_thirty_triples(model: str, mode: str, loss: str, least: float) -> None:
    result = run(
        config(
            model__name=model,
            model__dimension=32,
            loss__name=loss,
            training__mode=mode,
            optimizer__learning_rate=0.03,
            training__batch_size=60,
            training__max_steps=300,
            training__validate_every=100,
            **({"model__margin": 6.0} if model in ("transe", "rotate") else {}),
            # With a shared relation ConvE gives (a, r, ?) and (?, r, a) the same answers.
            **({"model__filters": 4, "model__inverse_relations": "independent"} if model == "conve" else {}),
            # Rotations keep the length of an entity, so they need one to start with.
            **(
                {"model__initializer": "uniform", "model__initializer_scale": 0.3}
                if model == "rotate"
                else {}
            ),
        ),
        GRAPH,
    )
    untrained = 0.35  # what random start values reach at most on this graph
    assert result.valid.mrr >= least > untrained
    assert result.valid.count == 60
    assert not result.model.training


def test_model_has_the_parameters_of_its_best_validation() -> None:
    # The learning rate is so large that the last validation is not the best.
    result = run(config(optimizer__learning_rate=3.0, training__max_steps=60), GRAPH)
    assert max(p.metric for p in result.curve) == result.best == pytest.approx(result.valid.mrr, abs=1e-12)
    assert result.curve[-1].metric < result.best


def test_result_says_what_was_done() -> None:
    result = run(config(training__max_steps=12), GRAPH, seed=3)
    assert (result.steps, result.stopped_by, result.seed, result.metric) == (12, "max_steps", 3, "mrr")
    assert [p.step for p in result.curve] == [5, 10, 12]
    assert result.queries == 60 + 60 + 60 + 0  # sixty directed queries, four steps a pass
    assert result.seconds >= result.training_seconds > 0
    assert result.peak_rss_mb > 10
    mapping = result.to_mapping()
    assert mapping["config"] == config(training__max_steps=12).to_mapping()
    assert mapping["valid"]["mrr"] == result.valid.mrr
    assert len(mapping["curve"]) == 3


def test_mean_rank_is_maximised_with_its_sign_changed() -> None:
    result = run(config(), GRAPH, metric="mean_rank")
    assert result.best == pytest.approx(-result.valid.mean_rank)
    assert result.best == max(p.metric for p in result.curve)


@pytest.mark.parametrize(
    ("epochs", "batch_size", "steps"), [(3, 16, 12), (0.5, 16, 2), (5, 512, 5), (0, 16, 1)]
)
def test_epochs_are_passes_over_both_directions(epochs: float, batch_size: int, steps: int) -> None:
    result = run(config(training__max_epochs=epochs, training__batch_size=batch_size), GRAPH)
    assert result.steps == steps


def test_test_split_is_not_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    train, held_out = GRAPH.train[:20], GRAPH.train[20:]
    graph = KnowledgeGraph.from_arrays(train, held_out[:5], held_out[5:])
    ranked: set[tuple[int, ...]] = set()
    original = evaluator.rank_triples

    def spy(model: Any, triples: Any, *rest: Any) -> Any:
        ranked.update(tuple(triple) for triple in triples.tolist())
        return original(model, triples, *rest)

    monkeypatch.setattr(evaluator, "rank_triples", spy)
    run(config(), graph)
    assert ranked == {tuple(triple) for triple in graph.valid.tolist()}


@pytest.mark.parametrize("mode", ["negative_sampling", "k_vs_all"])
def test_training_learns_nothing_from_valid_and_test(mode: str) -> None:
    # More known answers there would filter other negatives, or be trained on as right answers.
    def losses(valid: Any, test: Any) -> list[float]:
        names = [str(i) for i in range(15)]
        graph = KnowledgeGraph.from_arrays(GRAPH.train, valid, test, entities=names)
        settings = config(training__mode=mode, training__halve_learning_rate_after=None)
        result = run(settings, graph)
        return [point.loss for point in result.curve]

    every = [(h, r, t) for h in range(15) for r in range(3) for t in range(15)]
    assert losses(GRAPH.valid[:3], GRAPH.test) == losses(every[:200], every[200:])


def test_validation_sample_steers_and_all_of_valid_is_reported() -> None:
    result = run(config(training__max_valid_triples=4), GRAPH)
    assert result.valid.count == 60
    full = run(config(), GRAPH)
    assert [p.loss for p in result.curve] == [p.loss for p in full.curve]  # training itself is the same
    assert [p.metric for p in result.curve] != [p.metric for p in full.curve]


# ---------------------------------------------------------------------- repetition

REPEATED: list[dict[str, Any]] = [
    {"model__dropout": 0.2, "negatives__name": "shared"},
    {"training__mode": "one_vs_all", "loss__name": "cross_entropy", "optimizer__name": "adagrad"},
    {
        "model__name": "conve",
        "model__feature_dropout": 0.2,
        "training__mode": "k_vs_all",
        "model__filters": 2,
    },
    {"model__name": "rotate", "loss__name": "bce_adversarial", "optimizer__row_updates": "sparse"},
]


@pytest.mark.parametrize("changes", REPEATED, ids=str)
def test_same_seed_gives_the_same_bits_and_another_seed_others(changes: dict[str, Any]) -> None:
    first, again, other = (digest(run(config(**changes), GRAPH, seed=seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_second_process_gives_the_same_bits() -> None:
    here = digest(run(config(**REPEATED[2]), GRAPH, seed=5))
    script = (
        "import importlib.util, sys, torch\n"
        f"spec = importlib.util.spec_from_file_location('cases', {str(Path(__file__))!r})\n"
        "cases = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(cases)\n"
        "torch.set_num_threads(1)\n"
        "print(cases.digest(cases.run(cases.config(**cases.REPEATED[2]), cases.GRAPH, seed=5)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == here, done.stderr


def test_global_randomness_of_torch_is_neither_used_nor_changed() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = digest(run(config(**REPEATED[2]), GRAPH))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert digest(run(config(**REPEATED[2]), GRAPH)) == first


def test_start_values_and_batches_come_from_different_streams() -> None:
    start = torch.rand(8, generator=torch.Generator().manual_seed(experiment._stream(0, 0)))
    batches = torch.rand(8, generator=torch.Generator().manual_seed(experiment._stream(0, 1)))
    assert not torch.equal(start, batches)


# ---------------------------------------------------------------------- interruption


@pytest.fixture
def every_validation_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "CHECKPOINT_SECONDS", 0.0)


def interrupt_after(count: int) -> Any:
    seen: list[CurvePoint] = []

    def on_validation(point: CurvePoint) -> None:
        seen.append(point)
        if len(seen) == count:
            raise KeyboardInterrupt

    return on_validation


@pytest.mark.usefixtures("every_validation_is_saved")
@pytest.mark.parametrize("optimizer", ["adam", "adagrad", "sgd"])
@pytest.mark.parametrize("changes", REPEATED, ids=str)
def test_interrupted_training_goes_on_to_the_same_bits(
    changes: dict[str, Any], optimizer: str, tmp_path: Path
) -> None:
    settings = config(**{**changes, "optimizer__name": optimizer, "training__patience": 3})
    whole = run(settings, GRAPH, seed=2)
    checkpoint = tmp_path / "trial.safetensors"
    for validations in (2, 3):  # the validation that is interrupted is not saved, the ones before are
        with pytest.raises(KeyboardInterrupt):
            run(settings, GRAPH, seed=2, checkpoint=checkpoint, on_validation=interrupt_after(validations))
    resumed = run(settings, GRAPH, seed=2, checkpoint=checkpoint)
    assert digest(resumed) == digest(whole)
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.usefixtures("every_validation_is_saved")
def test_training_is_saved_between_validations_too_and_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(training__validate_every=10)
    whole = run(settings, GRAPH, seed=2)
    saved: list[int] = []
    save = experiment.save_checkpoint

    def killed_after_the_thirteenth(path: Path, trainer: Trainer, identity: dict[str, Any]) -> None:
        save(path, trainer, identity)
        saved.append(trainer.progress.step)
        if saved[-1] == 13:
            raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "save_checkpoint", killed_after_the_thirteenth)
    with pytest.raises(KeyboardInterrupt):
        run(settings, GRAPH, seed=2, checkpoint=tmp_path / "trial.safetensors")
    resumed = run(settings, GRAPH, seed=2, checkpoint=tmp_path / "trial.safetensors")
    assert saved[13:15] == [14, 15]  # it went on from step 13
    assert digest(resumed) == digest(whole)
    assert [p.loss for p in resumed.curve] == [p.loss for p in whole.curve]


@pytest.mark.usefixtures("every_validation_is_saved")
@pytest.mark.parametrize("patience", [1, 100])
def test_training_that_had_just_ended_does_not_go_on(patience: int, tmp_path: Path) -> None:
    settings = config(training__patience=patience, optimizer__learning_rate=1.0)
    checkpoint = tmp_path / "trial.safetensors"
    whole = run(settings, GRAPH, checkpoint=checkpoint)
    assert whole.stopped_by == ("patience" if patience == 1 else "max_steps")
    assert digest(run(settings, GRAPH, checkpoint=checkpoint)) == digest(whole)


def test_checkpoint_of_another_device_goes_on_with_fresh_numbers_that_repeat(tmp_path: Path) -> None:
    made = tmp_path / "made.safetensors"
    run(config(training__max_steps=15), GRAPH, checkpoint=made)
    with safe_open(made, framework="pt") as file:
        state = json.loads(file.metadata()["kgtuner"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    state["device"] = "cuda"
    tensors["generator"] = torch.zeros(16, dtype=torch.uint8)  # the size of CUDA's state, which a CPU refuses
    tensors["cuda_generator"] = tensors["generator"].clone()
    results = []
    for name in ("once", "again"):
        moved = tmp_path / f"{name}.safetensors"
        save_file(tensors, moved, {"kgtuner": json.dumps(state)})
        results.append(run(config(), GRAPH, checkpoint=moved))
    assert [result.steps for result in results] == [30, 30]
    assert digest(results[0]) == digest(results[1])


@pytest.mark.usefixtures("every_validation_is_saved")
def test_training_may_go_on_longer_than_first_meant(tmp_path: Path) -> None:
    checkpoint = tmp_path / "trial.safetensors"
    run(config(training__max_steps=15, training__patience=2), GRAPH, checkpoint=checkpoint)
    longer = run(config(), GRAPH, checkpoint=checkpoint)
    assert longer.steps == 30
    assert digest(longer) == digest(run(config(), GRAPH))


def test_checkpoints_are_written_no_more_often_than_said_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    save = experiment.save_checkpoint

    def counting(path: Path, trainer: Trainer, identity: dict[str, Any]) -> None:
        saved.append(trainer.progress.step)
        save(path, trainer, identity)

    monkeypatch.setattr(experiment, "save_checkpoint", counting)
    result = run(config(), GRAPH, checkpoint=tmp_path / "trial.safetensors")
    assert len(result.curve) > 1
    assert saved == [result.steps]  # a minute has not passed


@pytest.mark.usefixtures("every_validation_is_saved")
@pytest.mark.parametrize(
    ("changes", "seed", "metric", "message"),
    [
        ({"model__dimension": 16}, 0, "mrr", "belongs to another configuration.model.dimension: 8, not 16"),
        ({"loss__name": "bce_sum"}, 0, "mrr", "configuration.loss.name: bce_mean, not bce_sum"),
        ({"loss__label_smoothing": 0.1}, 0, "mrr", "configuration.loss.label_smoothing: None, not 0.1"),
        ({}, 1, "mrr", "belongs to another seed: 0, not 1"),
        ({}, 0, "hits_at_10", "belongs to another metric: mrr, not hits_at_10"),
    ],
)
def test_checkpoint_of_something_else_is_refused(
    changes: dict[str, Any], seed: int, metric: str, message: str, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "trial.safetensors"
    run(config(), GRAPH, checkpoint=checkpoint)
    with pytest.raises(RunError, match=f"{message}; choose another output folder or delete it"):
        run(config(**changes), GRAPH, seed=seed, metric=metric, checkpoint=checkpoint)


@pytest.mark.usefixtures("every_validation_is_saved")
def test_checkpoint_goes_on_with_another_arithmetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kernels.installed():
        pytest.skip("there is only one arithmetic without numba")
    checkpoint = tmp_path / "trial.safetensors"
    first = run(config(), GRAPH, checkpoint=checkpoint)
    assert first.arithmetic.startswith("numba ")
    monkeypatch.setenv(kernels.VARIABLE, "off")
    longer = run(config(training__max_steps=40), GRAPH, checkpoint=checkpoint)
    assert longer.arithmetic == "torch"
    assert longer.steps == 40
    assert longer.curve[: len(first.curve)] == first.curve


@pytest.mark.usefixtures("every_validation_is_saved")
def test_checkpoint_of_another_graph_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "trial.safetensors"
    run(config(), GRAPH, checkpoint=checkpoint)
    other = KnowledgeGraph.from_arrays(GRAPH.train[::-1], GRAPH.valid, GRAPH.test)
    with pytest.raises(RunError, match="belongs to another graph: [0-9a-f]{57}..., not "):
        run(config(), other, checkpoint=checkpoint)


@pytest.mark.usefixtures("every_validation_is_saved")
def test_checkpoint_knows_a_structure_that_was_given_as_tuples(tmp_path: Path) -> None:
    structure = ((1, 0, 0, 0), (0, 2, 0, 0), (0, 0, 3, 4), (0, 0, -4, 3))
    settings = config(model__name="autosf", model__structure=structure)
    first = run(settings, GRAPH, checkpoint=tmp_path / "trial.safetensors")
    assert digest(run(settings, GRAPH, checkpoint=tmp_path / "trial.safetensors")) == digest(first)


@pytest.mark.usefixtures("every_validation_is_saved")
@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "other"])
def test_damaged_checkpoint_is_refused(damage: str, tmp_path: Path) -> None:
    checkpoint = tmp_path / "trial.safetensors"
    run(config(), GRAPH, checkpoint=checkpoint)
    whole = checkpoint.read_bytes()
    if damage == "other":
        from safetensors.torch import save_file

        save_file({"x": torch.zeros(2)}, checkpoint)
    else:
        checkpoint.write_bytes(
            {"empty": b"", "cut": whole[: len(whole) // 2], "noise": b"\xff" * 500}[damage]
        )
    with pytest.raises(
        RunError, match=r"trial.safetensors is not a (readable )?checkpoint .*delete it to start"
    ):
        run(config(), GRAPH, checkpoint=checkpoint)


@pytest.mark.usefixtures("every_validation_is_saved")
def test_checkpoint_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot write .*trial\.safetensors: No such file or directory"):
        run(config(), GRAPH, checkpoint=tmp_path / "no such folder" / "trial.safetensors")


# ---------------------------------------------------------------------- limits and failures


class Clock:
    """Every look at it is a second later."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_time_limit_ends_training() -> None:
    result = run(config(training__max_seconds=50.0, training__max_steps=10_000), GRAPH, clock=Clock())
    # Validating takes a second on this clock, and each look at it one more, so the end may be a little late.
    assert result.stopped_by == "max_seconds"
    assert 40 <= result.seconds <= 55
    assert result.steps > 5
    assert result.curve[-1].step == result.steps


def test_training_stops_when_patience_is_at_its_end() -> None:
    result = run(config(training__patience=2, training__max_steps=5000, optimizer__learning_rate=1.0), GRAPH)
    assert result.stopped_by == "patience"
    best = max(range(len(result.curve)), key=lambda i: result.curve[i].metric)
    assert len(result.curve) - 1 - best == 2


def test_diverged_training_says_so_instead_of_giving_a_metric() -> None:
    settings = config(optimizer__name="sgd", optimizer__learning_rate=1e30, loss__name="margin_ranking")
    with pytest.raises(Diverged, match="a smaller learning rate"):
        run(settings, GRAPH)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        ),
    ],
    ids=lambda error: type(error).__name__,
)
def test_too_little_memory_is_an_error_of_its_own(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*args: Any) -> None:
        raise error

    monkeypatch.setattr(MODELS["complex"], "initialize", no_room)
    with pytest.raises(OutOfMemory, match="out of memory with dimension 8 and batch size 16; a smaller"):
        run(config(), GRAPH)


def test_memory_that_no_machine_has_is_an_error_of_its_own() -> None:
    with pytest.raises(OutOfMemory, match="out of memory with dimension 100000000000000 "):
        run(config(model__dimension=10**14), GRAPH)


def test_other_runtime_errors_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(MODELS["complex"], "initialize", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        run(config(), GRAPH)


def test_graph_without_validation_triples_is_refused() -> None:
    bare = KnowledgeGraph("bare", GRAPH.entities, GRAPH.relations, GRAPH.train, GRAPH.valid[:0], GRAPH.test)
    with pytest.raises(DataError, match="bare has no validation triples"):
        run(config(), bare)


@pytest.mark.usefixtures("every_validation_is_saved")
@pytest.mark.parametrize(
    "changes",
    [{}, {"negatives__name": "shared"}, {"training__mode": "one_vs_all"}, {"training__mode": "k_vs_all"}],
    ids=str,
)
def test_training_in_parts_is_the_same_but_for_rounding_and_goes_on_from_a_checkpoint_of_the_whole(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    settings = config(
        **changes,
        optimizer__name="sgd",
        optimizer__learning_rate=0.5,
        regularizer__name="frobenius",
        regularizer__weight=0.01,
    )
    whole, parts = (run(settings.limited(queries_at_once=size), GRAPH) for size in (None, 5))
    checkpoint = tmp_path / "trial.safetensors"
    run(settings.limited(max_steps=10), GRAPH, checkpoint=checkpoint)
    continued = run(settings.limited(queries_at_once=5), GRAPH, checkpoint=checkpoint)
    for other in (parts, continued):
        assert other.steps == whole.steps
        assert [point.loss for point in other.curve] == pytest.approx([p.loss for p in whole.curve], rel=1e-4)


@pytest.mark.usefixtures("every_validation_is_saved")
@pytest.mark.parametrize("negatives", ["shared", "independent"])
def test_training_with_tables_on_the_host_is_the_same_and_goes_on_from_a_checkpoint_of_the_device(
    negatives: str, tmp_path: Path
) -> None:
    settings = config(
        negatives__name=negatives,
        optimizer__name="adagrad",
        optimizer__learning_rate=0.1,
        optimizer__row_updates="sparse",
        regularizer__name="frobenius",
        regularizer__weight=0.01,
    )
    here, there = (run(settings.limited(tables_on=place), GRAPH) for place in ("device", "host"))
    checkpoint = tmp_path / "trial.safetensors"
    run(settings.limited(max_steps=10), GRAPH, checkpoint=checkpoint)
    continued = run(settings.limited(tables_on="host"), GRAPH, checkpoint=checkpoint)
    for other in (there, continued):
        assert other.steps == here.steps
        assert [point.loss for point in other.curve] == pytest.approx([p.loss for p in here.curve], rel=1e-4)
        assert other.valid.mrr == pytest.approx(here.valid.mrr, abs=0.01)


def test_tables_on_the_host_of_a_graph_of_which_a_batch_touches_most_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"touches most of .*, so that optimizer\.row_updates auto moves all; use"
    ):
        run(config(negatives__name="independent").limited(tables_on="host"), GRAPH)


def test_tables_on_the_host_stay_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever computes: parameters, queries, random numbers and the optimiser's state are the CPU's."""
    gpu = torch.device("cuda")
    settings = config(optimizer__row_updates="sparse")
    assert home_of(settings, gpu) == gpu
    assert home_of(settings.limited(tables_on="host"), gpu) == torch.device("cpu")
    fetching: list[torch.device] = []

    class Noted(FetchedGradient):
        def __init__(self, *parts: Any, device: torch.device, **kinds: bool) -> None:
            fetching.append(device)
            super().__init__(*parts, device=torch.device("cpu"), **kinds)

    monkeypatch.setattr("kgtuner.training.negative_sampling.FetchedGradient", Noted)
    trainer, _ = prepare(settings.limited(tables_on="host"), GRAPH, device=gpu)
    assert fetching == [gpu]
    assert trainer.device == gpu
    assert {p.device.type for p in trainer.model.parameters()} == {"cpu"}
    assert {s.device.type for states in trainer.optimizer.states.values() for s in states.values()} == {"cpu"}
    assert trainer.batches.generator.device.type == "cpu"


# ---------------------------------------------------------------------- devices


@pytest.mark.parametrize("name", ["gpu", "cpu!", "meta", ""])
def test_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown device"):
        pick_device(name)


def test_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == "cpu"
    with pytest.raises(
        ConfigError, match="'cuda:0' was asked for, but this machine has no usable CUDA device"
    ):
        pick_device("cuda:0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("cuda:1") == "cuda:1"
    with pytest.raises(ConfigError, match="'cuda:2' was asked for, but this machine has cuda:0, cuda:1$"):
        pick_device("cuda:2")


def test_a_long_preparation_counts_before_and_after_a_training_and_leaves_a_quarter() -> None:
    limits = experiment.Limits(100, 10, max_seconds=100.0)
    assert experiment.within_time(limits, 1.9) == limits
    assert experiment.within_time(limits, 20.0).max_seconds == 60.0
    assert experiment.within_time(limits, 90.0).max_seconds == 25.0
    assert experiment.within_time(experiment.Limits(100, 10), 90.0).max_seconds is None


def test_a_typed_shared_set_touches_as_many_rows_as_all_its_types_draw() -> None:
    types = EntityTypes.blocks({"drug": 500, "protein": 500, "disease": 500, "function": 500})
    shared = Shared(num_negatives=300)
    small = config(**{"negatives.name": "shared", "training.batch_size": 8})
    assert not _touches_most(small, shared, 2_000, "auto")
    assert _touches_most(small, Typed(shared, types, torch.device("cpu")), 2_000, "auto")
