"""A configuration as a pipeline of PyKEEN 1.11.

A training of ours sees every triple from both sides. PyKEEN has three loops: `slcwa` corrupts one side of a
triple at a time, `lcwa` ranks all entities as the tails of each distinct (h, r), `symmetriclcwa` all entities
on both sides of each triple. Inverse relations of their own are `create_inverse_triples` there. Losses are
means over other numbers, so the weight of the regulariser is scaled to keep its share.

Source: pykeen.pipeline, pykeen.training, pykeen.losses and pykeen.regularizers of 1.11.1,
https://pykeen.readthedocs.io/en/stable/
"""

from __future__ import annotations

import math
from typing import Any

from torch.nn import BatchNorm1d

from kgtuner.config import TrialConfig
from kgtuner.exchange.converted import Draft, Sizes
from kgtuner.models import Model
from kgtuner.models.autosf import AutoSF
from kgtuner.models.conve import ConvE
from kgtuner.models.rotate import RotatE
from kgtuner.models.transe import TransE
from kgtuner.models.tucker import TuckER

NAMES = {
    "transe": "TransE",
    "distmult": "DistMult",
    "complex": "ComplEx",
    "rotate": "RotatE",
    "conve": "ConvE",
    "rescal": "RESCAL",
    "tucker": "TuckER",
    "autosf": "AutoSF",
}
OPTIMIZERS = {"adam": "Adam", "adagrad": "Adagrad", "sgd": "SGD"}
POWERS = {"frobenius": 2.0, "nuclear": 3.0}

UNIFORM = 1e-12
"""The adversarial temperature that gives every negative the same weight; 0 makes NaN of filtered ones there."""


def pykeen_pipeline(
    config: TrialConfig,
    model: Model,
    sizes: Sizes,
    *,
    seed: int,
    files: bool = True,
    steps: int | None = None,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The arguments of `pykeen.pipeline.pipeline`, and what has no counterpart there, a sentence each.

    Args:
        config: what to convert.
        model: the model that it describes, for the sizes that follow from it.
        sizes: of the graph; batches and epochs are counted in other things there.
        seed: the pipeline's random seed.
        files: name the triples as train.tsv, valid.tsv and test.tsv.
        steps: that the trained model had; the pipeline gets as many, and not all that the limits allow.
    """
    draft = Draft({"random_seed": seed})
    if files:
        draft.values.update(training="train.tsv", validation="valid.tsv", testing="test.tsv")
    loop = _loop(config, model, draft)
    _loss(config, model, sizes, draft)
    _optimizer(config, draft)
    _model(config, model, draft)
    _regularizer(config, draft, loop)
    _length(config, sizes, draft, loop, steps)
    draft.values["evaluator"] = "RankBasedEvaluator"
    draft.values["evaluator_kwargs"] = {"filtered": True}
    return draft.values, tuple(draft.lost)


def own_inverses(config: TrialConfig) -> bool:
    """Whether PyKEEN needs inverse relations with embeddings of their own, also where ours share them."""
    inverse = config.model.options.get("inverse_relations", "shared")
    return inverse == "independent" or config.training.mode == "k_vs_all" or config.model.name == "conve"


def normalised(model: TuckER) -> bool:
    """Whether TuckER's heads and queries pass through batch normalisation."""
    return isinstance(model.input_norm, BatchNorm1d)


def _loop(config: TrialConfig, model: Model, draft: Draft) -> str:
    mode, values, lost = config.training.mode, draft.values, draft.lost
    inverses = own_inverses(config)
    if inverses and model.inverse_relations == "shared":
        lost.append(
            "model.inverse_relations: shared became inverse relations with embeddings of their own, "
            f"because PyKEEN trains both sides of {NAMES[config.model.name]} under {mode} only with those"
        )
    values["dataset_kwargs"] = {"create_inverse_triples": inverses}
    batch = config.training.batch_size
    if mode == "negative_sampling":
        values["training_loop"] = "slcwa"
        values["negative_sampler"] = "basic"
        sampler: dict[str, Any] = {"num_negs_per_pos": _negatives(config), "filtered": _filtered(config)}
        if inverses:
            sampler["corruption_scheme"] = ["tail"]
        values["negative_sampler_kwargs"] = sampler
        if config.negatives.name == "shared":
            lost.append("negatives.name: shared negatives became as many of each triple's own")
    elif mode == "one_vs_all" and not inverses:
        values["training_loop"] = "symmetriclcwa"
        batch = max(1, batch // 2)  # triples, each with both sides
        draft.scale = 2.0
    else:
        values["training_loop"] = "lcwa"
        if mode == "one_vs_all":
            lost.append(
                "training.mode: one_vs_all with inverse relations of their own became lcwa: a query with several "
                "answers counts once with all of them, not once for each"
            )
    values["training_kwargs"] = {"batch_size": batch}
    if config.training.frequency_weights and mode != "k_vs_all":
        lost.append("training.frequency_weights: all triples weigh the same")
    return str(values["training_loop"])


def _negatives(config: TrialConfig) -> int:
    return int(config.negatives.options.get("num_negatives", 128))


def _filtered(config: TrialConfig) -> bool:
    # Cross entropy keeps false negatives by its definition here.
    return bool(config.negatives.options.get("filtered", True)) and config.loss.name != "cross_entropy"


def _loss(config: TrialConfig, model: Model, sizes: Sizes, draft: Draft) -> None:
    name, options, values, lost = config.loss.name, config.loss.options, draft.values, draft.lost
    sampled = config.training.mode == "negative_sampling"
    others = _negatives(config) if sampled else sizes.n_entities
    distance = isinstance(model, TransE | RotatE)
    offset = model.margin if isinstance(model, TransE | RotatE) else 0.0
    smoothing = options.get("label_smoothing", 0.0)
    kwargs: dict[str, Any] = {"reduction": "mean"}
    if name == "margin_ranking":
        values["loss"] = "MarginRankingLoss"
        kwargs["margin"] = options.get("margin", 6.0)
    elif name == "cross_entropy":
        values["loss"] = "CrossEntropyLoss"
        if options.get("reduction", "mean") == "sum" and not sampled:
            kwargs["reduction"] = "sum"
            draft.scale = 1.0
    elif name == "bce_adversarial" or (distance and sampled):
        values["loss"] = "NSSALoss"
        adversarial = name == "bce_adversarial"
        kwargs["adversarial_temperature"] = (
            options.get("adversarial_temperature", 1.0) if adversarial else UNIFORM
        )
        kwargs["margin"] = offset
        draft.scale /= 2
        if name == "bce_sum":
            lost.append(
                "loss.name: bce_sum became a mean over the negatives, as PyKEEN has no sum with a margin"
            )
    else:
        values["loss"] = "BCEWithLogitsLoss"
        entries = 1 + others if sampled else others  # numbers that the mean there is taken over
        weight = others if name == "bce_mean" else 1.0
        if name == "bce_mean":
            kwargs["pos_weight"] = float(weight)
        draft.scale *= weight / entries
    values["loss_kwargs"] = kwargs
    if smoothing:
        if values["loss"] == "CrossEntropyLoss" or values["loss"] == "BCEWithLogitsLoss":
            values["training_kwargs"]["label_smoothing"] = smoothing
            if values["loss"] == "BCEWithLogitsLoss":
                lost.append("loss.label_smoothing: PyKEEN spreads it over the wrong answers only")
        else:
            lost.append("loss.label_smoothing: this loss takes none in PyKEEN")
    if isinstance(model, TuckER) and model.sigmoid:
        lost.append("model.sigmoid: the loss sees the score itself")


def _optimizer(config: TrialConfig, draft: Draft) -> None:
    rate = config.optimizer.options.get("learning_rate", 1e-3)
    if config.optimizer.name == "sgd":  # the other two do not mind the scale of a loss
        rate = rate / draft.scale
    draft.values["optimizer"] = OPTIMIZERS[config.optimizer.name]
    draft.values["optimizer_kwargs"] = {"lr": rate}
    if config.optimizer.options.get("row_updates", "auto") == "sparse":
        draft.lost.append("optimizer.row_updates: PyKEEN updates whole tables")
    if config.training.halve_learning_rate_after is not None:
        draft.lost.append("training.halve_learning_rate_after: the learning rate stays as it is")


def _model(config: TrialConfig, model: Model, draft: Draft) -> None:
    lost, d = draft.lost, model.dimension
    draft.values["model"] = NAMES[config.model.name]
    kwargs: dict[str, Any] = {"embedding_dim": d}
    if config.model.name in ("distmult", "autosf"):  # these two take an initialiser with its numbers
        entities = _initializer(model, *model.entities.shape)
        relations = _initializer(model, *model.relations.shape)
        if isinstance(model, AutoSF):
            kwargs.update(embedding_dim=d // 4, num_components=4, coefficients=coefficients_of(model))
            kwargs["embedding_kwargs"] = entities
            lost.append(
                "model.structure: pipeline_from_path cannot read it from JSON; run.py in the folder can"
            )
        else:
            kwargs.update(entity_constrainer=None, entity_representations_kwargs=entities)
            kwargs["relation_representations_kwargs"] = relations
    else:
        kind = "xavier_uniform" if "uniform" in model.initializer else "xavier_normal"
        kwargs.update(entity_initializer=kind, relation_initializer=kind)
        if not _same_start(model):
            lost.append(
                f"model.initializer: {model.initializer} became PyKEEN's {kind}, whose scale follows from the width "
                "alone"
            )
    if config.model.name in ("complex", "rotate"):
        kwargs["embedding_dim"] = d // 2
    if isinstance(model, TransE):
        kwargs.update(scoring_fct_norm=model.norm, entity_constrainer=None)
    if isinstance(model, RotatE):
        kwargs["relation_initializer"] = "init_phases"
        lost.append(
            "model: PyKEEN's RotatE takes the Euclidean norm of all differences, not the sum of their moduli"
        )
    if isinstance(model, TuckER):
        kwargs.update(relation_dim=model.relation_width(), apply_batch_normalization=normalised(model))
        kwargs.update(
            dropout_0=model.dropout, dropout_1=model.matrix_dropout.p, dropout_2=model.query_dropout.p
        )
        if model.dropout:
            lost.append("model.dropout: on the normalised head, not on the relation")
        if normalised(model) and not own_inverses(config):
            lost.append("model.inverse_relations: PyKEEN normalises the head also when it asks for it")
    elif isinstance(model, ConvE):
        width = d // model.height
        kwargs.update(input_channels=1, output_channels=model.convolution.out_channels)
        kwargs.update(embedding_height=model.height, input_dropout=model.dropout)  # it works out the width
        kwargs.update(feature_map_dropout=model.feature_dropout.p, output_dropout=model.hidden_dropout.p)
        if not model.entity_bias:
            lost.append("model.entity_bias: PyKEEN's ConvE always learns one")
        if min(2 * model.height, width) < 3:
            lost.append("model: the border of zeros around a thin image; PyKEEN refuses this dimension")
    elif model.dropout:
        lost.append(f"model.dropout: PyKEEN's {NAMES[config.model.name]} has none on heads and relations")
    draft.values["model_kwargs"] = kwargs


def _initializer(model: Model, rows: int, width: int) -> dict[str, Any]:
    """The initialiser of a (rows, width) table by its distribution; `kgtuner.models.base.fill` draws the same."""
    scale = model.initializer_scale
    if model.initializer in ("uniform", "xavier_uniform"):
        bound = scale if model.initializer == "uniform" else math.sqrt(6.0 / (rows + width))
        return {"initializer": "uniform", "initializer_kwargs": {"a": -bound, "b": bound}}
    spread = scale if model.initializer == "normal" else math.sqrt(2.0 / (rows + width))
    return {"initializer": "normal", "initializer_kwargs": {"mean": 0.0, "std": spread}}


def _same_start(model: Model) -> bool:
    """Whether PyKEEN's xavier initialisers, which have no scale, happen to draw as widely as ours."""
    for table in (model.entities, model.relations):
        rows, width = table.shape
        ours = _initializer(model, rows, width)["initializer_kwargs"]
        wanted = math.sqrt((6.0 if "b" in ours else 2.0) / width)
        if not math.isclose(ours.get("b", ours.get("std")), wanted, rel_tol=0.01):
            return isinstance(model, RotatE) and table is model.relations
    return True


def coefficients_of(model: AutoSF) -> list[list[int]]:
    """Blocks of head, relation and tail, and the sign, as `pykeen.nn.AutoSFInteraction` takes them."""
    return [
        [i, abs(k) - 1, j, 1 if k > 0 else -1]
        for i, row in enumerate(model.structure)
        for j, k in enumerate(row)
        if k
    ]


def _regularizer(config: TrialConfig, draft: Draft, loop: str) -> None:
    name, model, kwargs = config.regularizer.name, config.model.name, draft.values["model_kwargs"]
    weight = config.regularizer.options.get("weight", 1e-6) * draft.scale
    if name == "none" or not weight:
        if model in ("complex", "distmult", "transe", "rotate", "rescal"):  # some have one by default
            draft.values["regularizer"] = "no"
        return
    if name not in POWERS:
        draft.lost.append(f"regularizer.name: PyKEEN has no {name}; nothing is regularised")
    elif model in ("tucker", "conve"):
        draft.lost.append(f"regularizer.name: PyKEEN's {NAMES[model]} takes none; nothing is regularised")
    if name not in POWERS or model in ("tucker", "conve"):
        if model not in ("tucker", "conve", "autosf"):
            draft.values["regularizer"] = "no"
        return
    if loop == "slcwa":
        weight /= 2  # there negatives are regularised as well as positives
    options = {"weight": weight, "p": POWERS[name], "normalize": False}
    everyone = "the negatives too" if loop == "slcwa" else "all entities, not the answers of the batch"
    draft.lost.append(f"regularizer: it sees {everyone}; its weight was scaled to PyKEEN's loss")
    if model == "autosf":
        kwargs["embedding_kwargs"].update(regularizer="PowerSum", regularizer_kwargs=options)
        return
    draft.values.update(regularizer="PowerSum", regularizer_kwargs=options)
    if model == "distmult":
        kwargs["entity_representations_kwargs"].update(regularizer="PowerSum", regularizer_kwargs=options)
    if model == "complex" and name == "nuclear" and config.regularizer.options.get("over", "real") == "real":
        draft.lost.append("regularizer.over: real became complex: the moduli are cubed, not each real number")
    if model == "rotate":
        draft.lost.append("regularizer: entities only")
    if model == "rescal":
        draft.lost.append("regularizer: that of a relation's matrix is divided by the dimension")


def _length(config: TrialConfig, sizes: Sizes, draft: Draft, loop: str, steps: int | None) -> None:
    """Epochs instead of steps; an epoch of ours is both directions of train."""
    training = config.training
    ours = sizes.n_queries if training.mode == "k_vs_all" else 2 * sizes.n_train
    batch = min(training.batch_size, ours)
    epochs = (training.max_steps if steps is None else steps) * batch / ours
    if training.max_epochs is not None:
        epochs = min(epochs, training.max_epochs)
    one_sided = loop == "slcwa" and not draft.values["dataset_kwargs"]["create_inverse_triples"]
    factor = 2 if one_sided else 1  # an epoch there asks about one side of each triple
    draft.values["training_kwargs"]["num_epochs"] = max(
        1, round(epochs * factor) if steps is None else math.ceil(round(epochs * factor, 6))
    )
    draft.values["stopper"] = "early"
    draft.values["stopper_kwargs"] = {
        "frequency": max(1, round(training.validate_every * batch / ours * factor)),
        "patience": training.patience,
        "metric": "both.realistic.inverse_harmonic_mean_rank",
        "relative_delta": 0.0,
    }
    if training.max_seconds is not None:
        draft.lost.append("training.max_seconds: PyKEEN stops by epochs only")
    if training.validate_every_seconds is not None:
        draft.lost.append("training.validate_every_seconds: PyKEEN validates by epochs only")
    if training.max_valid_triples is not None:
        draft.lost.append("training.max_valid_triples: PyKEEN ranks all validation triples")
    if training.precision == "bf16":
        draft.lost.append("training.precision: PyKEEN trains in float32")
