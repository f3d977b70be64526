"""A configuration in LibKGE's terms. LibKGE is not on PyPI, so nothing here was run with it.

Source: kge/config-default.yaml, kge/model/*.yaml, kge/model/embedder/lookup_embedder.yaml and kge/util/loss.py
of https://github.com/uma-pi1/kge
"""

from __future__ import annotations

import math
from typing import Any

from kgtuner.config import TrialConfig
from kgtuner.exchange.converted import Draft, Sizes
from kgtuner.models import Model
from kgtuner.models.conve import ConvE
from kgtuner.models.rotate import RotatE
from kgtuner.models.transe import TransE
from kgtuner.registry import lookup

NAMES = {
    "transe": "transe",
    "distmult": "distmult",
    "complex": "complex",
    "rotate": "rotate",
    "conve": "conve",
    "rescal": "rescal",
}
TYPES = {"negative_sampling": "negative_sampling", "one_vs_all": "1vsAll", "k_vs_all": "KvsAll"}
LOSSES = {
    "margin_ranking": "margin_ranking",
    "bce_mean": "bce_mean",
    "bce_sum": "bce",
    "bce_adversarial": "bce_self_adversarial",
    "cross_entropy": "kl",
}
OPTIMIZERS = {"adam": "Adam", "adagrad": "Adagrad", "sgd": "SGD"}
POWERS = {"frobenius": 2, "nuclear": 3}


def libkge_options(
    config: TrialConfig, model: Model, sizes: Sizes, *, dataset: str, seed: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The settings of a LibKGE training job, nested, and what has no counterpart there, a sentence each.

    Raises:
        ConfigError: for a model that LibKGE does not have.
    """
    base = lookup("model in LibKGE", config.model.name, NAMES)
    reciprocal = config.model.options.get("inverse_relations", "shared") == "independent"
    draft = Draft({"job": {"type": "train", "device": "cpu"}, "dataset": {"name": dataset}})
    values = draft.values
    values["random_seed"] = {"python": seed, "torch": seed, "numpy": seed}
    values["import"] = [base]
    values["model"] = base
    if isinstance(model, ConvE) and not reciprocal:
        draft.lost.append(
            "model.inverse_relations: LibKGE's ConvE asks for heads with relations of their own only"
        )
        reciprocal = True
    if reciprocal:
        values["import"].append("reciprocal_relations_model")
        values["model"] = "reciprocal_relations_model"
        values["reciprocal_relations_model"] = {"base_model": {"type": base}}
    _train(config, model, sizes, draft)
    _tables(config, model, base, draft)
    return values, tuple(draft.lost)


def _train(config: TrialConfig, model: Model, sizes: Sizes, draft: Draft) -> None:
    training, loss, lost = config.training, config.loss, draft.lost
    grouped = training.mode == "k_vs_all"
    ours = sizes.n_queries if grouped else 2 * sizes.n_train
    # A triple is one element of a batch there, with both of its sides; of ours it is two.
    batch = training.batch_size if grouped else max(1, training.batch_size // 2)
    draft.scale = 1.0 if grouped else 2.0
    epochs = training.max_steps * min(training.batch_size, ours) / ours
    if training.max_epochs is not None:
        epochs = min(epochs, training.max_epochs)
    per_epoch = ours / min(training.batch_size, ours)
    train: dict[str, Any] = {
        "type": TYPES[training.mode],
        "loss": LOSSES[loss.name],
        "batch_size": batch,
        "max_epochs": max(1, round(epochs)),
    }
    rate = config.optimizer.options.get("learning_rate", 1e-3)
    if config.optimizer.name == "sgd":
        rate = rate / draft.scale
    train["optimizer"] = {"default": {"type": OPTIMIZERS[config.optimizer.name], "args": {"lr": rate}}}
    if loss.name == "margin_ranking":
        train["loss_arg"] = loss.options.get("margin", 6.0)
        lost.append("loss: LibKGE sums over the negatives of margin_ranking instead of taking their mean")
    elif loss.name.startswith("bce") and isinstance(model, TransE | RotatE):
        train["loss_arg"] = model.margin
    if loss.name == "bce_adversarial":
        temperature = loss.options.get("adversarial_temperature", 1.0)
        draft.values["user"] = {"bce_self_adversarial_temperature": temperature}
    if loss.name in ("bce_mean", "bce_adversarial"):
        draft.scale /= 2  # these two halve the sum of positives and negatives
    if loss.name == "bce_mean" and grouped:
        train["loss"] = "bce"
        lost.append("loss.name: bce_mean became bce, which sums, as LibKGE has no mean under KvsAll")
    if loss.name == "cross_entropy" and loss.options.get("reduction", "mean") == "sum":
        lost.append(
            "loss.reduction: LibKGE averages over the batch; the regulariser keeps its weight, not its share"
        )
    smoothing = loss.options.get("label_smoothing", 0.0)
    if smoothing and grouped:
        draft.values["KvsAll"] = {"label_smoothing": smoothing}
    elif smoothing:
        lost.append(f"loss.label_smoothing: LibKGE has it for KvsAll only, not for {TYPES[training.mode]}")
    if training.halve_learning_rate_after is not None:
        train["lr_scheduler"] = "ReduceLROnPlateau"
        train["lr_scheduler_args"] = {
            "mode": "max",
            "factor": 0.5,
            "patience": training.halve_learning_rate_after - 1,
            "threshold": 1e-4,
        }
    draft.values["train"] = train
    if training.mode == "negative_sampling":
        negatives = config.negatives.options
        filtered = negatives.get("filtered", True) and loss.name != "cross_entropy"
        shared = config.negatives.name == "shared"
        draft.values["negative_sampling"] = {
            "num_samples": {"s": negatives.get("num_negatives", 128), "p": 0, "o": -1},
            "filtering": {"s": filtered and not shared, "o": filtered and not shared},
            "shared": shared,
        }
        if filtered and shared:
            lost.append("negatives.filtered: LibKGE does not filter shared negatives")
    draft.values["valid"] = {
        "every": max(1, round(training.validate_every / per_epoch)),
        "metric": "mean_reciprocal_rank_filtered_with_test",
        "early_stopping": {"patience": training.patience},
    }
    if training.frequency_weights and not grouped:
        lost.append("training.frequency_weights: all triples weigh the same")
    for name in ("max_seconds", "validate_every_seconds", "max_valid_triples"):
        if getattr(training, name) is not None:
            lost.append(f"training.{name}: LibKGE counts epochs and ranks all validation triples")
    if training.precision == "bf16":
        lost.append("training.precision: LibKGE trains in float32")


def _tables(config: TrialConfig, model: Model, base: str, draft: Draft) -> None:
    kind, scale = model.initializer, model.initializer_scale
    arguments: dict[str, Any] = {
        "uniform": {"a": -scale, "b": scale},
        "normal": {"mean": 0.0, "std": scale},
    }.get(kind, {"gain": 1.0})
    embedder: dict[str, Any] = {"dim": model.dimension, "initialize": f"{kind}_", "dropout": 0.0}
    embedder["initialize_args"] = {f"{kind}_": arguments}
    entity: dict[str, Any] = {"dropout": model.dropout}
    relation: dict[str, Any] = {"dropout": model.dropout}
    if model.dropout:
        draft.lost.append("model.dropout: LibKGE drops coordinates of the candidates as well")
    if isinstance(model, RotatE):  # angles, which ours stores times scale / pi
        factor = math.pi / scale
        rows, width = model.relations.shape
        angle = {
            "uniform": {"a": -math.pi, "b": math.pi},
            "normal": {"mean": 0.0, "std": math.pi},
            "xavier_uniform": {"a": -factor * math.sqrt(6 / (rows + width))},
            "xavier_normal": {"mean": 0.0, "std": factor * math.sqrt(2 / (rows + width))},
        }[kind]
        name = "uniform_" if "uniform" in kind else "normal_"
        relation.update(dim=-1, initialize=name, initialize_args={name: angle})
    name, weight = config.regularizer.name, config.regularizer.options.get("weight", 1e-6) * draft.scale
    if name in POWERS and weight:
        p = POWERS[name]
        moduli = name == "nuclear" and config.regularizer.options.get("over", "real") == "complex"
        embedder["regularize"] = "n3" if moduli else "lp"
        embedder["regularize_args"] = {"weighted": True, "p": p}
        # A weighted penalty there is weight / p times a mean, over heads and tails together for entities.
        entity["regularize_weight"] = 2 * p * weight
        relation["regularize_weight"] = p * weight
    else:
        embedder["regularize"] = ""
        if name not in ("none", *POWERS):
            draft.lost.append(f"regularizer.name: LibKGE has no {name}; nothing is regularised")
    draft.values["lookup_embedder"] = embedder
    draft.values[base] = {"entity_embedder": entity, "relation_embedder": relation}
    if isinstance(model, TransE):
        draft.values[base]["l_norm"] = float(model.norm)
    if isinstance(model, ConvE):
        draft.values[base].update(
            {
                "2D_aspect_ratio": model.dimension / model.height / model.height,
                "filter_size": 3,
                "feature_map_dropout": model.feature_dropout.p,
                "projection_dropout": model.hidden_dropout.p,
                "convolution_bias": True,
            }
        )
        if model.convolution.out_channels != 32:
            draft.lost.append("model.filters: LibKGE's ConvE always has 32")
        if not model.entity_bias:
            draft.lost.append("model.entity_bias: LibKGE's ConvE always learns one")
