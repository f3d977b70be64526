"""A training in one file, so that it can go on after an interruption as if there had been none."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from kgtuner.errors import RunError
from kgtuner.files import replacing
from kgtuner.training.parameters import write_tensors
from kgtuner.training.trainer import CurvePoint, Progress, Trainer

FORMAT = 2


def save_checkpoint(path: Path, trainer: Trainer, identity: dict[str, Any]) -> None:
    """Write the whole state of a training; the file is replaced in one step, so it is never half written.

    Args:
        path: a .safetensors file.
        trainer: between two steps.
        identity: what must be equal to go on from here: graph, configuration, seed.

    Raises:
        RunError: when it cannot be written, as on a full disk; the checkpoint before it is kept.
    """
    model, optimizer, batches = trainer.model, trainer.optimizer, trainer.batches
    tensors: dict[str, torch.Tensor] = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in trainer.best.tensors().items()}
    for table, states in optimizer.states.items():
        tensors |= {f"optimizer.{table}.{k}": v for k, v in states.items()}
    tensors["generator"] = batches.generator.get_state()
    tensors["torch_generator"] = torch.get_rng_state()
    if trainer.device.type == "cuda":  # where dropout of layers draws; has not been run
        tensors["cuda_generator"] = torch.cuda.get_rng_state(trainer.device)
    tensors["order"] = batches.order
    state = {
        "format": FORMAT,
        "device": batches.generator.device.type,
        "identity": identity,
        "place": batches.place,
        "learning_rate": optimizer.learning_rate,
        "optimizer_steps": optimizer.steps,
        "early_stopping": asdict(trainer.early_stopping),
        "progress": asdict(trainer.progress),
    }
    with replacing(path) as partial:
        write_tensors(partial, tensors, {"kgtuner": json.dumps(state)})


def load_checkpoint(path: Path, trainer: Trainer, identity: dict[str, Any]) -> None:
    """Bring a trainer to where `save_checkpoint` left it.

    Between a CPU and a GPU random numbers cannot be taken along: there a training goes on with fresh ones, which
    follow from its seed and the steps it has made. Between kernels and plain operators digits differ by rounding.

    Raises:
        RunError: when the file is damaged, or belongs to another graph, configuration or seed.
    """
    try:
        with safe_open(path, framework="pt") as file:
            state = json.loads((file.metadata() or {}).get("kgtuner", "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise RunError(
            f"{path} is not a readable checkpoint ({error}); delete it to start this training anew"
        ) from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise RunError(
            f"{path} is not a checkpoint of this version (format {FORMAT}); delete it to start anew"
        )
    theirs, ours = (
        state.get("identity"),
        json.loads(json.dumps(identity)),
    )  # tuples become lists, as in the file
    for key in ours:
        if not isinstance(theirs, dict) or theirs.get(key) != ours[key]:
            found = theirs.get(key) if isinstance(theirs, dict) else None
            raise RunError(
                f"{path} belongs to another {_difference(key, found, ours[key])}; "
                "choose another output folder or delete it"
            )
    try:
        _bring(trainer, state, tensors)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise RunError(
            f"{path} is a damaged checkpoint ({_first_line(error)}); delete it to start this training anew"
        ) from None


def _bring(trainer: Trainer, state: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    device = trainer.model.entities.device
    trainer.model.load_state_dict(_below("model.", tensors))
    best = _below("best.", tensors)
    if best:
        trainer.best.set(best)
    for table, states in trainer.optimizer.states.items():
        for name, value in states.items():
            value.copy_(tensors[f"optimizer.{table}.{name}"])
    generator = trainer.batches.generator
    if state.get("device", "cpu") == generator.device.type:
        generator.set_state(tensors["generator"])
        if "cuda_generator" in tensors and trainer.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["cuda_generator"], trainer.device)
    else:
        generator.manual_seed(generator.initial_seed() + state["progress"]["step"])
    torch.set_rng_state(tensors["torch_generator"])
    trainer.batches.order = tensors["order"].to(device)
    trainer.batches.place = state["place"]
    trainer.optimizer.learning_rate = state["learning_rate"]
    trainer.optimizer.steps = state["optimizer_steps"]
    for name in ("best", "since_best", "reference", "since_gain"):  # patience may have been raised since
        setattr(trainer.early_stopping, name, state["early_stopping"][name])
    curve = [CurvePoint(**point) for point in state["progress"].pop("curve")]
    trainer.progress = Progress(**state["progress"], curve=curve)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


def trained_seconds(path: Path | None) -> float:
    """Seconds of training behind a checkpoint; 0 where there is none that can be read."""
    try:
        return float(_state(path)["progress"]["seconds"])
    except (ValueError, TypeError, KeyError):
        return 0.0


def begun_with(path: Path | None) -> dict[str, Any]:
    """The configuration of a checkpoint, without the limits that may change; empty where none can be read."""
    try:
        return dict(_state(path)["identity"]["configuration"])
    except (ValueError, TypeError, KeyError):
        return {}


def _state(path: Path | None) -> Any:
    """What stands in a checkpoint beside its tensors, None where it cannot be read."""
    if path is None or not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            return json.loads((file.metadata() or {}).get("kgtuner", "null"))
    except (OSError, SafetensorError, ValueError, RecursionError):
        return None


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _difference(name: str, theirs: Any, ours: Any) -> str:
    """The first place where two plain values differ: `configuration.model.dimension: 16, not 32`."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in ours | theirs:
            if theirs.get(key) != ours.get(key):
                return _difference(f"{name}.{key}", theirs.get(key), ours.get(key))
    return f"{name}: {_short(theirs)}, not {_short(ours)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
