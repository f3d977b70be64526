"""LibKGE's YAML: a training job, the expanded configuration of a checkpoint, or a search with fixed values.

Keys may be nested, dotted, or both; both forms of the optimiser's settings are read. The settings of an embedder
are looked up as LibKGE does: at the model's own table first, then at `lookup_embedder`.

Source: kge/config-default.yaml and kge/model/embedder/lookup_embedder.yaml of https://github.com/uma-pi1/kge
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kgtuner.errors import ConfigError
from kgtuner.exchange.settings import EPOCHS_DECIDE, Settings, known, shown

MODELS = {
    "transe": "transe",
    "distmult": "distmult",
    "complex": "complex",
    "rotate": "rotate",
    "conve": "conve",
    "rescal": "rescal",
}
TYPES = {"negative_sampling": "negative_sampling", "1vsAll": "one_vs_all", "KvsAll": "k_vs_all"}
LOSSES = {
    "kl": "cross_entropy",
    "ce": "cross_entropy",
    "bce": "bce_sum",
    "bce_mean": "bce_mean",
    "bce_self_adversarial": "bce_adversarial",
    "margin_ranking": "margin_ranking",
}
OPTIMIZERS = {"adam": "adam", "adagrad": "adagrad", "sgd": "sgd"}
INITIALIZERS = {"uniform_", "normal_", "xavier_uniform_", "xavier_normal_"}

ELSEWHERE = (
    "job.", "dataset.", "import", "modules", "console.", "eval.batch_size", "eval.num_workers", "eval.pin_memory",
    "eval.trace_level", "eval.type", "eval.split", "eval.chunk_size", "entity_ranking.chunk_size",
    "entity_ranking.class_name", "entity_ranking.metrics_per.", "entity_ranking.hits_at_k_s", "training_loss.",
    "checkpoint.",
    "search.", "grid_search.", "manual_search.", "ax_search.", "random_seed.", "verbose", "output.",
)  # fmt: skip
"""Where a job runs and what it reports, not what it trains or how it ranks."""

DEFAULTS = {
    "entity_ranking.tie_handling": "rounded_mean_rank",
    "entity_ranking.filter_splits": ["train", "valid"],
    "entity_ranking.filter_with_test": True,
    "eval.filter_splits": ["train", "valid"],
    "eval.filter_with_test": True,
    "valid.filter_with_test": True,
    "KvsAll.query_types.sp_": True,
    "KvsAll.query_types._po": True,
    "KvsAll.query_types.s_o": False,
    "negative_sampling.with_replacement": True,
    "lookup_embedder.pretrain.model_filename": "",
    "lookup_embedder.pretrain.ensure_all": False,
}
"""LibKGE's values of settings that have no counterpart; at another value they are listed."""


def is_libkge(mapping: Mapping[str, Any]) -> bool:
    """Whether this looks like a configuration of LibKGE."""
    settings = Settings(mapping)
    marks = (
        "job.type",
        "train.type",
        "lookup_embedder.dim",
        "train.optimizer_args.lr",
        "ax_search.parameters",
    )
    return any(mark in settings for mark in marks) or ("import" in settings and "model" in settings)


def convert_libkge(mapping: Mapping[str, Any]) -> tuple[dict[str, Any], str | None, list[str]]:
    """Our settings by dotted name, the data set, and what has no counterpart.

    Raises:
        ConfigError: for a model, a loss or another part that KGTuner does not have, or a value of the wrong kind.
    """
    settings = Settings(mapping)
    _fixed_values(settings)
    lost: list[str] = []
    dataset = settings.take("dataset.name")
    settings.drop(*ELSEWHERE)
    settings.keep(DEFAULTS)
    settings.drop(*[key for key in settings.values if key.endswith("+++") or key.endswith("class_name")])
    flat: dict[str, Any] = {}
    base = settings.text("model")
    flat["model.inverse_relations"] = "shared"
    if base == "reciprocal_relations_model":
        base = settings.text("reciprocal_relations_model.base_model.type")
        flat["model.inverse_relations"] = "independent"
    settings.drop("reciprocal_relations_model.base_model.type")
    if base is None:
        raise ConfigError("a LibKGE configuration needs 'model', such as model: complex")
    flat["model.name"] = known("model", base, MODELS)
    where = ["reciprocal_relations_model.base_model.", f"{base}."]
    grouped = _train(settings, flat, lost)
    _tables(settings, flat, lost, base, where, grouped)
    settings.drop(*[f"{other}." for other in MODELS if other != base])  # defaults of models that are not used
    return flat, dataset if isinstance(dataset, str) else None, lost + settings.rest()


def _fixed_values(settings: Settings) -> None:
    """A search whose parameters are all fixed is a configuration: the published best ones have this form."""
    parameters = settings.values.get("ax_search.parameters")
    if not isinstance(parameters, list):
        return
    for parameter in parameters:
        if not isinstance(parameter, Mapping) or not isinstance(parameter.get("name"), str):
            raise ConfigError(f"ax_search.parameters must hold mappings with a name, got {shown(parameter)}")
        if parameter.get("type") != "fixed" or "value" not in parameter:
            raise ConfigError(
                f"ax_search leaves {shown(parameter['name'])} open: only fixed values are a configuration; "
                "give the config.yaml of one of its trials"
            )
        settings.values[parameter["name"]] = parameter["value"]


def _train(settings: Settings, flat: dict[str, Any], lost: list[str]) -> bool:
    mode = known("train.type", settings.take("train.type", default="KvsAll"), TYPES)
    grouped = mode == "k_vs_all"
    flat["training.mode"] = mode
    flat["training.frequency_weights"] = False
    loss = known("train.loss", settings.take("train.loss", default="kl"), LOSSES)
    if settings.take("train.subbatch_size", "train.subbatch_auto_tune") not in (None, -1, False):
        lost.append("train.subbatch_size: batches are taken whole")
    flat["loss.name"] = loss
    argument = settings.take("train.loss_arg")
    given = argument is not None and not (isinstance(argument, float) and math.isnan(argument))
    if loss == "margin_ranking":
        flat["loss.margin"] = settings.number("train.loss_arg") if given else 1.0
        lost.append("train.loss = 'margin_ranking': a mean over the negatives here, a sum there")
    elif given and flat["model.name"] in ("transe", "rotate"):
        flat["model.margin"] = settings.number("train.loss_arg")
    elif given and argument:
        lost.append(f"train.loss_arg = {shown(argument)}: scores get no offset here")
    if loss == "bce_adversarial":
        flat["loss.adversarial_temperature"] = settings.number(
            "user.bce_self_adversarial_temperature", default=1.0
        )
    batch = settings.whole("train.batch_size", default=100)
    assert batch is not None
    flat["training.batch_size"] = batch if grouped else 2 * batch  # a triple there is two queries here
    epochs = settings.number("train.max_epochs", default=20)
    flat["training.max_epochs"] = float(epochs) if epochs is not None else None
    flat["training.max_steps"] = EPOCHS_DECIDE
    optimizer = settings.take("train.optimizer.default.type", "train.optimizer", default="Adagrad")
    flat["optimizer.name"] = known("train.optimizer", optimizer, OPTIMIZERS)
    default_rate = {"adagrad": 0.01, "adam": 0.001}.get(flat["optimizer.name"])  # PyTorch's
    rate = settings.number("train.optimizer.default.args.lr", "train.optimizer_args.lr", default=default_rate)
    if rate is None:
        raise ConfigError("sgd needs a learning rate: train.optimizer.default.args.lr is missing")
    flat["optimizer.learning_rate"] = float(rate)
    for place in ("train.optimizer.default.args.", "train.optimizer_args."):
        if f"{place}weight_decay" in settings and not settings.values[f"{place}weight_decay"]:
            settings.drop(f"{place}weight_decay")
    _scheduler(settings, flat, lost)
    smoothing = settings.number("KvsAll.label_smoothing", default=0.0)
    if smoothing and grouped and loss != "margin_ranking":
        flat["loss.label_smoothing"] = smoothing
    elif smoothing and grouped:
        lost.append("KvsAll.label_smoothing: this loss takes none here")
    if settings.take("KvsAll.query_types.s_o"):
        lost.append("KvsAll.query_types.s_o = True: relations are not asked for in training")
    if not grouped:  # not the kind of training that was asked for
        settings.drop("KvsAll.")
    if mode != "one_vs_all":
        settings.drop("1vsAll.")
    if mode == "negative_sampling":
        _negatives(settings, flat, lost)
    else:
        settings.drop("negative_sampling.")
    patience = settings.whole("valid.early_stopping.patience", default=5)
    if patience:
        flat["training.patience"] = patience
    metric = settings.text("valid.metric", default="mean_reciprocal_rank_filtered_with_test")
    if metric is not None and not metric.startswith("mean_reciprocal_rank_filtered"):
        lost.append(
            f"valid.metric = {shown(metric)}: --metric of kgtuner train says what validation maximises"
        )
    every = settings.take("valid.every")
    if every not in (None, 0):
        lost.append(
            f"valid.every = {shown(every)} epochs: training.validate_every counts steps, so it depends on the graph"
        )
    settings.drop("valid.split", "valid.metric_expr", "valid.trace_level")
    settings.drop(
        "valid.metric_max", "train.split", "train.num_workers", "train.pin_memory", "train.trace_level"
    )
    settings.drop("train.auto_correct", "train.abort_on_nan", "train.visualize_graph", "train.checkpoint.")
    return grouped


def _scheduler(settings: Settings, flat: dict[str, Any], lost: list[str]) -> None:
    kind = settings.take("train.lr_scheduler", default="")
    arguments = {k: v for k, v in settings.values.items() if k.startswith("train.lr_scheduler_args.")}
    settings.drop("train.lr_scheduler_args.")
    flat["training.halve_learning_rate_after"] = None
    if not kind:
        return
    patience = arguments.get("train.lr_scheduler_args.patience", 10)
    if (
        kind == "ReduceLROnPlateau"
        and isinstance(patience, int)
        and not isinstance(patience, bool)
        and patience >= 0
    ):
        flat["training.halve_learning_rate_after"] = patience + 1
        factor = arguments.get("train.lr_scheduler_args.factor", 0.1)
        if factor != 0.5:
            lost.append(f"train.lr_scheduler_args.factor = {shown(factor)}: the learning rate is halved here")
        return
    lost.append(f"train.lr_scheduler = {shown(kind)}: no such schedule here")


def _negatives(settings: Settings, flat: dict[str, Any], lost: list[str]) -> None:
    place = "negative_sampling."
    heads = settings.whole(f"{place}num_samples.s", f"{place}num_negatives_s", default=3)
    tails = settings.whole(f"{place}num_samples.o", f"{place}num_negatives_o", default=-1)
    relations = settings.whole(f"{place}num_samples.p", default=0)
    heads = tails if heads == -1 else heads
    tails = heads if tails == -1 else tails
    flat["negatives.num_negatives"] = heads
    if tails != heads:
        lost.append(f"{place}num_samples: {heads} for s and {tails} for o became {heads} for both")
    if relations:
        lost.append(f"{place}num_samples.p = {relations}: relations are not corrupted")
    flat["negatives.name"] = "shared" if settings.take(f"{place}shared") else "independent"
    sides = [settings.take(f"{place}filtering.{side}", default=False) for side in "so"]
    flat["negatives.filtered"] = bool(sides[0])
    if sides[0] != sides[1]:
        lost.append(f"{place}filtering: both sides are treated as s is")
    if settings.take(f"{place}sampling_type", default="uniform") != "uniform":
        lost.append(f"{place}sampling_type: negatives are drawn uniformly")
    settings.drop(f"{place}filtering.", f"{place}frequency.", f"{place}implementation", f"{place}chunk_size")


def _tables(
    settings: Settings, flat: dict[str, Any], lost: list[str], base: str, where: list[str], grouped: bool
) -> None:
    def keys(kind: str, option: str) -> list[str]:
        return [f"{place}{kind}_embedder.{option}" for place in where] + [f"lookup_embedder.{option}"]

    for kind in ("entity", "relation"):
        if settings.take(*keys(kind, "type"), default="lookup_embedder") != "lookup_embedder":
            raise ConfigError(f"the {kind} embedder must be a lookup_embedder: others have no counterpart")
    dimension = settings.whole(*keys("entity", "dim"), default=100)
    relation_dimension = settings.whole(*keys("relation", "dim"), default=dimension)
    if relation_dimension not in (dimension, -1):
        lost.append(
            f"relation_embedder.dim = {relation_dimension}: it follows from the dimension, {dimension}"
        )
    flat["model.dimension"] = dimension
    _initializer(settings, flat, lost, keys)
    _dropout(settings, flat, lost, keys)
    _regularizer(settings, flat, lost, keys, grouped)
    for kind in ("entity", "relation"):
        p = settings.take(*keys(kind, "normalize.p"), default=-1)
        if isinstance(p, int | float) and p > 0:
            lost.append(f"{kind}_embedder.normalize.p = {p}: embeddings are not normalised")
    for option in ("sparse", "space", "vector_space", "round_dim_to", "psi", "class_name"):
        settings.drop(*keys("entity", option), *keys("relation", option))
    settings.keep(
        {
            f"{p}{k}_embedder.pretrain.{option}": DEFAULTS[f"lookup_embedder.pretrain.{option}"]
            for p in where
            for k in ("entity", "relation")
            for option in ("model_filename", "ensure_all")
        }
    )
    norm = settings.number(*[f"{place}l_norm" for place in where], default=1.0)
    if base == "transe" and norm is not None:
        flat["model.norm"] = int(norm) if norm == int(norm) else norm
    elif base == "rotate" and norm != 1:
        lost.append(f"rotate.l_norm = {norm}: the sum of the moduli")
    if base == "conve":
        flat["model.entity_bias"] = True
        flat["model.feature_dropout"] = settings.number(
            *[f"{p}feature_map_dropout" for p in where], default=0.2
        )
        flat["model.hidden_dropout"] = settings.number(
            *[f"{p}projection_dropout" for p in where], default=0.3
        )
        for option, usual in (("filter_size", 3), ("stride", 1), ("padding", 0), ("convolution_bias", True)):
            if settings.take(*[f"{p}{option}" for p in where], default=usual) != usual:
                lost.append(f"conve.{option}: {usual} here")


def _dropout(settings: Settings, flat: dict[str, Any], lost: list[str], keys: Any) -> None:
    # A search may have gone below 0, which means none.
    of = {
        k: max(settings.number(*keys(k, "dropout"), default=0.0) or 0.0, 0.0) for k in ("entity", "relation")
    }
    if of["entity"]:
        flat["model.dropout"] = of["entity"]
        lost.append("entity_embedder.dropout: candidates keep all their coordinates here")
    if of["relation"] != of["entity"]:
        lost.append(f"relation_embedder.dropout = {of['relation']:g}: relations have that of entities")


def _initializer(settings: Settings, flat: dict[str, Any], lost: list[str], keys: Any) -> None:
    name = settings.text(*keys("entity", "initialize"), default="normal_")
    if name not in INITIALIZERS:
        raise ConfigError(
            f"lookup_embedder.initialize {shown(name)} has no counterpart: one of {', '.join(sorted(INITIALIZERS))}"
        )
    flat["model.initializer"] = name.removesuffix("_")

    def argument(option: str, default: float | None) -> float | None:
        places = [
            *keys("entity", f"initialize_args.{name}.{option}"),
            *keys("entity", f"initialize_args.{option}"),
        ]
        return settings.number(*places, default=default)

    scale: float | None = None
    if name == "normal_":
        scale, mean = argument("std", 1.0), argument("mean", 0.0)
        if mean:
            lost.append(f"lookup_embedder.initialize_args.mean = {mean}: 0 here")
    elif name == "uniform_":
        low, high = argument("a", None), argument("b", None)
        if high is None and low is not None:
            lost.append(f"lookup_embedder.initialize_args.uniform_.a = {low}: taken as from {low} to {-low}")
        high = -low if high is None and low is not None else 1.0 if high is None else high
        low = -high if low is None else low
        scale = max(abs(low), abs(high))
        if low != -high:
            lost.append(
                f"lookup_embedder.initialize_args.uniform_: [{low}, {high}] became [{-scale}, {scale}]"
            )
    elif argument("gain", 1.0) != 1.0:
        lost.append(f"lookup_embedder.initialize_args.{name}.gain: 1 here")
    flat["model.initializer_scale"] = scale or None
    other = settings.take(*keys("relation", "initialize"), default=name)
    if other != name:
        lost.append(f"relation_embedder.initialize = {shown(other)}: relations start as entities do")
    for place in [
        k.removesuffix("initialize") for kind in ("entity", "relation") for k in keys(kind, "initialize")
    ]:
        settings.drop(f"{place}initialize_args.")


def _regularizer(settings: Settings, flat: dict[str, Any], lost: list[str], keys: Any, grouped: bool) -> None:
    kind = settings.take(*keys("entity", "regularize"), default="lp")
    kind_of_relation = settings.take(*keys("relation", "regularize"), default=kind)
    p = {"l1": 1, "l2": 2, "l3": 3}.get(str(kind))
    power = settings.number(*keys("entity", "regularize_args.p"), default=2)
    settings.drop(*keys("relation", "regularize_args.p"))
    weighted = settings.take(*keys("entity", "regularize_args.weighted"), default=False)
    settings.drop(*keys("relation", "regularize_args.weighted"))
    weights = {
        k: settings.number(*keys(k, "regularize_weight"), default=0.0) or 0.0 for k in ("entity", "relation")
    }
    flat["regularizer.name"] = "none"
    if not kind or not any(weights.values()):
        return
    power = 3 if kind == "n3" else p if p is not None else power
    what = f"entity {weights['entity']:g}, relation {weights['relation']:g}, p = {power:g}"
    if power not in (2, 3) or kind not in ("lp", "n3", "l2", "l3"):
        lost.append(f"lookup_embedder.regularize = {shown(kind)} ({what}): no such regulariser here")
        return
    if not weighted:
        lost.append(
            f"lookup_embedder.regularize_weight ({what}): LibKGE takes it of all embeddings in each step, ours of the "
            "batch; set regularizer.weight yourself (regularize_args.weighted: true could be converted)"
        )
        return
    flat["regularizer.name"] = "frobenius" if power == 2 else "nuclear"
    if kind == "n3":
        flat["regularizer.over"] = "complex"
    # weight / p times a mean, over heads and tails together; the loss of a triple there is that of two queries.
    scale = 1.0 if grouped else 2.0
    flat["regularizer.weight"] = weights["entity"] / (2 * power * scale)
    of_relations = weights["relation"] / (power * scale)
    if not math.isclose(of_relations, flat["regularizer.weight"], rel_tol=1e-6):
        lost.append(
            f"relation_embedder.regularize_weight = {weights['relation']:g}: relations share the weight of entities"
        )
    if kind_of_relation != kind:
        lost.append(f"relation_embedder.regularize = {shown(kind_of_relation)}: as for entities, {kind}")
