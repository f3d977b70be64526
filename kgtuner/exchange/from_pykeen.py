"""PyKEEN's pipeline configurations, JSON or YAML, and what its HPO found best.

`best_pipeline/pipeline_config.json` of an HPO run has the form of a pipeline. An HPO configuration whose ranges are
still open is none.

Source: pykeen.pipeline and pykeen.experiments of PyKEEN 1.11.1, https://pykeen.readthedocs.io/en/stable/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgtuner.errors import ConfigError
from kgtuner.exchange.settings import EPOCHS_DECIDE, Settings, known, normalised, shown

MODELS = {
    "TransE": "transe",
    "DistMult": "distmult",
    "ComplEx": "complex",
    "RotatE": "rotate",
    "ConvE": "conve",
    "RESCAL": "rescal",
    "TuckER": "tucker",
}
LOSSES = {
    "CrossEntropy": "cross_entropy",
    "MarginRanking": "margin_ranking",
    "NSSA": "bce_adversarial",
    "BCEWithLogits": "bce",
    "Softplus": "bce",
    "BCEAfterSigmoid": "bce",
}
DEFAULT_LOSSES = {"complex": "Softplus", "tucker": "BCEAfterSigmoid", "conve": "BCEAfterSigmoid"}
LOOPS = {"sLCWA": "negative_sampling", "LCWA": "k_vs_all", "SymmetricLCWA": "one_vs_all"}
OPTIMIZERS = {"Adam": "adam", "AdaGrad": "adagrad", "SGD": "sgd"}
RATES = {"adam": 0.001, "adagrad": 0.01, "sgd": None}
DIMENSIONS = {"complex": 200, "rotate": 200, "conve": 200, "tucker": 200}
INITIALIZERS = {
    "xaviernormal": "xavier_normal",
    "xavieruniform": "xavier_uniform",
    "normal": "normal",
    "uniform": "uniform",
}
ELSEWHERE = (
    "random_seed", "use_tqdm", "device", "evaluation_kwargs.batch_size", "evaluation_kwargs.slice_size",
    "evaluation_kwargs.use_tqdm", "evaluator_kwargs.batch_size", "evaluator_kwargs.automatic_memory_optimization",
    "evaluator_kwargs.mode", "result_tracker",
    "result_tracker_kwargs.", "metadata.", "use_testing_data", "training", "testing", "validation", "clear_optimizer",
    "automatic_memory_optimization", "training_kwargs.use_tqdm", "training_kwargs.use_tqdm_batch",
    "training_kwargs.num_workers", "training_kwargs.pin_memory",
)  # fmt: skip
"""Where a pipeline runs and what it reports, not what it trains or how it ranks."""

AS_HERE = {
    "evaluator": "RankBasedEvaluator",
    "evaluator_kwargs.filtered": True,
    "filter_validation_when_testing": True,
    "negative_sampler_kwargs.filterer": "python-set",
}
"""Settings whose one value is what KGTuner does: it ranks filtered, and looks negatives up exactly."""


def is_pykeen(mapping: Mapping[str, Any]) -> bool:
    """Whether this looks like a pipeline of PyKEEN or a result of its HPO."""
    inner = mapping.get("pipeline", mapping)
    marks = (
        "model_kwargs",
        "training_loop",
        "training_kwargs",
        "optimizer_kwargs",
        "loss_kwargs",
        "dataset_kwargs",
    )
    return (
        isinstance(inner, Mapping)
        and "model" in inner
        and ("pipeline" in mapping or any(m in inner for m in marks))
    )


def convert_pykeen(mapping: Mapping[str, Any]) -> tuple[dict[str, Any], str | None, list[str]]:
    """Our settings by dotted name, the data set, and what has no counterpart.

    Raises:
        ConfigError: for a model, a loss or another part that KGTuner does not have, an open range, or a value of
            the wrong kind.
    """
    pipeline = mapping.get("pipeline", mapping)
    if not isinstance(pipeline, Mapping):
        raise ConfigError(f"pipeline must be a mapping of settings, got {shown(pipeline)}")
    ranges = [key for key in pipeline if str(key).endswith("_kwargs_ranges")]
    if ranges:
        raise ConfigError(
            f"{ranges[0]} leaves values open: only fixed values are a configuration; give best_pipeline"
        )
    outside = Settings({k: v for k, v in mapping.items() if k not in ("pipeline", "metadata", "results")})
    settings = Settings(pipeline)
    settings.drop(*ELSEWHERE)
    settings.drop("metadata")
    if normalised(str(settings.values.get("evaluator"))) in ("rankbased", "rankbasedevaluator"):
        settings.drop("evaluator")
    settings.keep(AS_HERE)
    lost: list[str] = [] if pipeline is mapping else outside.rest()
    dataset = settings.take("dataset")
    model = known("model", settings.take("model"), MODELS)
    flat: dict[str, Any] = {"model.name": model, "training.frequency_weights": False}
    flat["training.halve_learning_rate_after"] = None
    mode = known("training_loop", settings.take("training_loop", default="sLCWA"), LOOPS)
    flat["training.mode"] = mode
    inverses = settings.take("dataset_kwargs.create_inverse_triples", default=model == "conve")
    flat["model.inverse_relations"] = "independent" if inverses else "shared"
    if mode == "k_vs_all" and not inverses:
        lost.append(
            "training_loop = LCWA without inverse triples: only tails are trained there, both sides here"
        )
    scale = _loss(settings, flat, lost, mode, model)
    _training(settings, flat, lost, mode, bool(inverses))
    _model(settings, flat, lost, model)
    _regularizer(settings, flat, lost, model, scale)
    return flat, dataset if isinstance(dataset, str) else None, lost + settings.rest()


def _loss(settings: Settings, flat: dict[str, Any], lost: list[str], mode: str, model: str) -> float:
    """Set the loss; returns PyKEEN's divided by ours where that is known, else 1."""
    given = settings.text("loss", default=DEFAULT_LOSSES.get(model, "MarginRanking"))
    assert given is not None
    name = known("loss", normalised(given).removesuffix("loss"), LOSSES)
    sampled = mode == "negative_sampling"
    smoothing = settings.number("training_kwargs.label_smoothing", default=0.0)
    reduction = settings.text("loss_kwargs.reduction", default="mean")
    scale = 1.0 if mode != "one_vs_all" else 2.0
    if name == "bce":
        weight = settings.number("loss_kwargs.pos_weight", default=1.0)
        count = settings.values.get("negative_sampler_kwargs.num_negs_per_pos", 1)
        flat["loss.name"] = "bce_mean" if weight != 1 and weight == count else "bce_sum"
        if weight != 1 and flat["loss.name"] == "bce_sum":
            lost.append(f"loss_kwargs.pos_weight = {weight}: right and wrong answers weigh the same")
        if reduction == "mean" and sampled and isinstance(count, int):
            scale = 1 / (1 + count)
        elif reduction == "mean":
            lost.append(
                "loss_kwargs.reduction = 'mean': summed over the entities here; mind the regulariser's share"
            )
        if model in ("transe", "rotate"):
            flat["model.margin"] = 1e-9  # distances there have no offset under this loss
            lost.append("model: under this loss distances have no margin there; a very small one here")
    else:
        flat["loss.name"] = name
    margin = settings.number(
        "loss_kwargs.margin", default={"margin_ranking": 1.0, "bce_adversarial": 9.0}.get(name)
    )
    if name == "margin_ranking":
        flat["loss.margin"] = margin
    if name == "bce_adversarial":
        flat["loss.adversarial_temperature"] = settings.number(
            "loss_kwargs.adversarial_temperature", default=1.0
        )
        scale = 0.5
        if model in ("transe", "rotate"):
            flat["model.margin"] = margin
        elif margin:
            lost.append(f"loss_kwargs.margin = {margin:g}: scores of {model} get no offset here")
        if flat["loss.adversarial_temperature"] < 1e-6:  # every negative weighs the same
            flat["loss.name"] = "bce_mean"
            flat["loss.adversarial_temperature"] = None
    if name == "cross_entropy" and reduction == "sum":
        flat["loss.reduction"] = "sum"
    if reduction == "sum" and name not in ("cross_entropy", "bce"):
        lost.append("loss_kwargs.reduction = 'sum': a mean over the batch here")
    if smoothing and flat["loss.name"] in ("cross_entropy", "bce_mean", "bce_sum"):
        flat["loss.label_smoothing"] = smoothing
    elif smoothing:
        lost.append(f"training_kwargs.label_smoothing = {smoothing:g}: this loss takes none here")
    return scale


def _training(settings: Settings, flat: dict[str, Any], lost: list[str], mode: str, inverses: bool) -> None:
    flat["optimizer.name"] = known("optimizer", settings.take("optimizer", default="Adam"), OPTIMIZERS)
    rate = settings.number("optimizer_kwargs.lr", default=RATES[flat["optimizer.name"]])
    if rate is None:
        raise ConfigError("SGD needs a learning rate: optimizer_kwargs.lr is missing")
    flat["optimizer.learning_rate"] = float(rate)
    if "optimizer_kwargs.weight_decay" in settings and not settings.values["optimizer_kwargs.weight_decay"]:
        settings.drop("optimizer_kwargs.weight_decay")
    batch = settings.whole("training_kwargs.batch_size", default=256)
    assert batch is not None
    flat["training.batch_size"] = 2 * batch if mode == "one_vs_all" else batch
    epochs = settings.number("training_kwargs.num_epochs", default=5)
    assert epochs is not None
    one_sided = (
        mode == "negative_sampling" and not inverses
    )  # an epoch there asks about one side of each triple
    flat["training.max_epochs"] = epochs / 2 if one_sided else float(epochs)
    if mode == "negative_sampling":
        sampler = settings.take("negative_sampler", default="basic")
        if normalised(str(sampler)).removesuffix("negativesampler") != "basic":
            lost.append(f"negative_sampler = {shown(sampler)}: negatives are drawn uniformly")
        flat["negatives.name"] = "independent"
        flat["negatives.num_negatives"] = settings.whole(
            "negative_sampler_kwargs.num_negs_per_pos", default=1
        )
        flat["negatives.filtered"] = bool(settings.take("negative_sampler_kwargs.filtered", default=False))
        if not flat["negatives.filtered"]:
            settings.drop("negative_sampler_kwargs.filterer", "negative_sampler_kwargs.filterer_kwargs.")
        scheme = settings.take("negative_sampler_kwargs.corruption_scheme")
        if scheme is not None and not _both_sides(scheme, inverses=inverses):
            lost.append(
                f"negative_sampler_kwargs.corruption_scheme = {shown(scheme)}: both sides are asked for"
            )
    flat["training.max_steps"] = EPOCHS_DECIDE
    stopper = settings.take("stopper", default="nop")
    if stopper in ("early", "EarlyStopper"):
        flat["training.patience"] = settings.whole("stopper_kwargs.patience", default=2)
        frequency = settings.take("stopper_kwargs.frequency", default=10)
        lost.append(
            f"stopper_kwargs.frequency = {shown(frequency)} epochs: training.validate_every counts steps, so it "
            "depends on the graph"
        )
        delta = settings.number("stopper_kwargs.relative_delta", default=0.01)
        if delta:
            lost.append(f"stopper_kwargs.relative_delta = {delta:g}: any gain counts")
        metric = settings.take("stopper_kwargs.metric", default="hits_at_k")
        if "inverse_harmonic" not in str(metric) and "mrr" not in str(metric):
            lost.append(
                f"stopper_kwargs.metric = {shown(metric)}: --metric of kgtuner train says what is maximised"
            )


def _both_sides(scheme: Any, *, inverses: bool) -> bool:
    """Whether both sides of a triple are asked for; where inverse triples are there, tails are enough."""
    sides = {str(side) for side in scheme} if isinstance(scheme, list | tuple) else set()
    return sides == ({"tail"} if inverses else {"head", "tail"})


def _model(settings: Settings, flat: dict[str, Any], lost: list[str], model: str) -> None:
    place = "model_kwargs."
    dimension = settings.whole(f"{place}embedding_dim", default=DIMENSIONS.get(model, 50))
    assert dimension is not None
    flat["model.dimension"] = 2 * dimension if model in ("complex", "rotate") else dimension
    kinds: dict[str, str | None] = {}
    usual = "xavier_normal" if model == "tucker" else None
    for kind in ("entity", "relation"):
        given = settings.take(f"{place}{kind}_initializer", default=usual)
        if given is None:
            continue
        name = normalised(str(given))
        kinds[kind] = INITIALIZERS.get(name)
        if kinds[kind] is None and not (model == "rotate" and kind == "relation" and name == "initphases"):
            lost.append(f"{place}{kind}_initializer = {shown(given)}: no such start here")
    start = kinds.get("entity")
    if start is not None:
        flat["model.initializer"] = start
        if start in ("normal", "uniform"):
            flat["model.initializer_scale"] = 1.0
        else:
            lost.append(f"{place}entity_initializer = {start}: its spread there follows from the width alone")
        if kinds.get("relation", start) not in (start, None):
            lost.append(f"{place}relation_initializer = {kinds['relation']}: relations start as entities do")
    for kind in ("entity", "relation"):
        usual_one = {("transe", "entity"): "normalize", ("distmult", "entity"): "normalize"}.get(
            (model, kind)
        )
        constrainer = settings.take(f"{place}{kind}_constrainer", default=usual_one)
        if constrainer is not None and not (model == "rotate" and kind == "relation"):
            lost.append(f"{place}{kind}_constrainer = {shown(constrainer)}: embeddings are not constrained")
    if model == "transe":
        flat["model.norm"] = settings.whole(f"{place}scoring_fct_norm", default=1)
        if settings.take(f"{place}power_norm", default=False):
            lost.append(f"{place}power_norm = True: the norm itself")
    if model == "rotate":
        lost.append(
            "model: PyKEEN's RotatE takes the Euclidean norm of all differences, ours the sum of their moduli"
        )
    if model == "tucker":
        flat["model.relation_dimension"] = settings.whole(f"{place}relation_dim")
        flat["model.query_norm"] = bool(settings.take(f"{place}apply_batch_normalization", default=True))
        flat["model.dropout"] = settings.number(f"{place}dropout_0", default=0.3)
        flat["model.matrix_dropout"] = settings.number(f"{place}dropout_1", default=0.4)
        flat["model.query_dropout"] = settings.number(f"{place}dropout_2", default=0.5)
        lost.append("model_kwargs.dropout_0: on heads and relations here, on the normalised head there")
    if model == "conve":
        _conve(settings, flat, lost, dimension)


def _conve(settings: Settings, flat: dict[str, Any], lost: list[str], dimension: int) -> None:
    place = "model_kwargs."
    flat["model.entity_bias"] = True
    flat["model.filters"] = settings.whole(f"{place}output_channels", default=32)
    flat["model.dropout"] = settings.number(f"{place}input_dropout", default=0.2)
    flat["model.feature_dropout"] = settings.number(f"{place}feature_map_dropout", default=0.2)
    flat["model.hidden_dropout"] = settings.number(f"{place}output_dropout", default=0.3)
    height = settings.whole(f"{place}embedding_height")
    settings.drop(f"{place}embedding_width")
    ours = max((d for d in range(1, 21) if dimension > 0 and dimension % d == 0), default=1)
    if height is not None and height != ours:
        lost.append(f"{place}embedding_height = {height}: {ours} follows from the dimension")
    for option, usual in (("kernel_height", 3), ("kernel_width", 3), ("input_channels", 1)):
        if settings.take(f"{place}{option}", default=usual) != usual:
            lost.append(f"{place}{option}: {usual} here")
    if not settings.take(f"{place}apply_batch_normalization", default=True):
        lost.append(f"{place}apply_batch_normalization = False: always on here")


def _regularizer(settings: Settings, flat: dict[str, Any], lost: list[str], model: str, scale: float) -> None:
    flat["regularizer.name"] = "none"
    usual = {"complex": ("Lp", 0.01), "distmult": ("Lp", 0.1)}.get(model)
    given = settings.take("regularizer", default=usual[0] if usual else None)
    if given is None:
        settings.drop("regularizer_kwargs.")
        return
    name = normalised(str(given)).removesuffix("regularizer")
    if name in ("no", "none"):
        settings.drop("regularizer_kwargs.")
        return
    weight = settings.number("regularizer_kwargs.weight", default=usual[1] if usual and name == "lp" else 1.0)
    p = settings.number("regularizer_kwargs.p", default=2.0)
    normalize = settings.take("regularizer_kwargs.normalize", default=bool(usual) and name == "lp")
    settings.drop("regularizer_kwargs.apply_only_once", "regularizer_kwargs.dim")
    assert weight is not None
    if name != "powersum" or p not in (2, 3):
        lost.append(f"regularizer = {shown(given)} (weight {weight:g}, p = {p}): no such regulariser here")
        return
    halves = (
        0.5 if flat["training.mode"] == "negative_sampling" else 1.0
    )  # there negatives are regularised as well
    flat["regularizer.name"] = "frobenius" if p == 2 else "nuclear"
    flat["regularizer.weight"] = weight / scale / halves
    if p == 3 and model == "complex":
        flat["regularizer.over"] = "complex"
    if normalize:
        flat["regularizer.weight"] /= flat["model.dimension"] / (2 if model in ("complex", "rotate") else 1)
    others = "negatives" if halves < 1 else "all entities"
    lost.append(
        f"regularizer: it sees {others} there, the triples of the batch here; its share of the loss is kept"
    )
