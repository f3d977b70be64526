"""The paper's and its published code's names, and ours.

Source: "Efficient Hyper-parameter Search for Knowledge Graph Embedding" (ACL 2022), section 2 and 4,
https://arxiv.org/abs/2205.02460. The upper-case words are the paper's, the keys those of its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgtuner.errors import ConfigError
from kgtuner.registry import lookup, unknown

MODELS = {
    "TransE": "transe",
    "DistMult": "distmult",
    "ComplEx": "complex",
    "RotatE": "rotate",
    "ConvE": "conve",
    "RESCAL": "rescal",
    "TuckER": "tucker",
    "AutoSF": "autosf",
}
LOSSES = {
    "MR": "margin_ranking",
    "BCE_mean": "bce_mean",
    "BCE_sum": "bce_sum",
    "BCE_adv": "bce_adversarial",
    "CE": "cross_entropy",
}
REGULARIZERS = {"FRO": "frobenius", "NUC": "nuclear", "DURA": "dura", "None": "none"}
INITIALIZERS = {
    "uniform": "uniform",
    "normal": "normal",
    "xavier_uniform": "xavier_uniform",
    "xavier_norm": "xavier_normal",
}
OPTIMIZERS = {"adam": "adam", "adagrad": "adagrad", "sgd": "sgd"}
MODES = {"1VsAll": "one_vs_all", "kVsAll": "k_vs_all"}  # a number instead: negative_sampling with that many

PLAIN = {
    "dropout": "model.dropout",
    "dimension": "model.dimension",
    "embedding_range": "model.initializer_scale",
    "learning_rate": "optimizer.learning_rate",
    "batch_size": "training.batch_size",
}
"""Keys whose value means the same here and always applies."""

MODEL_OPTIONS = {
    ("conve", "conve_drop1"): "model.feature_dropout",
    ("conve", "conve_drop2"): "model.hidden_dropout",
    ("tucker", "tucker_drop1"): "model.matrix_dropout",
    ("tucker", "tucker_drop2"): "model.query_dropout",
}
TRANSLATED = (
    "num_negatives", "loss", "gamma", "adversarial_temperature", "regularizer", "regularization_weight",
    "optimizer", "initializer", "share_inverse_relation", "filter_false_negatives", "label_smoothing",
)  # fmt: skip
"""Keys that `from_published` handles one by one."""


def from_published(model: str, configuration: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A published configuration as ours, nested as `TrialConfig.from_mapping` takes it.

    What the published code did without a setting is written out: positives weighted by frequency in
    every run, cross entropy over all entities summed over the batch, TuckER's score through a sigmoid.
    Settings that have no effect there, such as gamma under cross entropy, are left out.

    Args:
        model: the paper's name, e.g. "ComplEx".
        configuration: the published code's keys and values.

    Raises:
        ConfigError: for a name that the paper does not have, or a key that is missing.
    """
    name = lookup("published model", model, MODELS)
    options = {key: dotted for (owner, key), dotted in MODEL_OPTIONS.items() if owner == name}
    for key in configuration:
        if key not in PLAIN and key not in options and key not in TRANSLATED:
            raise ConfigError(unknown("published key", key, [*PLAIN, *options, *TRANSLATED]))
    required = [*PLAIN, *TRANSLATED[:-2]]
    for key in required:
        if key not in configuration:
            raise ConfigError(f"a published configuration needs {key!r}, got only {', '.join(configuration)}")

    loss = lookup("published loss", configuration["loss"], LOSSES)
    regularizer = lookup("published regularizer", str(configuration["regularizer"]), REGULARIZERS)
    flat: dict[str, Any] = {"model.name": name, "loss.name": loss, "regularizer.name": regularizer}
    flat["optimizer.name"] = lookup("published optimizer", configuration["optimizer"], OPTIMIZERS)
    flat["model.initializer"] = lookup("published initializer", configuration["initializer"], INITIALIZERS)
    flat["model.inverse_relations"] = "shared" if configuration["share_inverse_relation"] else "independent"
    flat["training.frequency_weights"] = True
    for key, dotted in {**PLAIN, **options}.items():
        if key in configuration:
            flat[dotted] = configuration[key]

    negatives = configuration["num_negatives"]
    if isinstance(negatives, str):
        flat["training.mode"] = lookup("published train type", negatives, MODES)
        if loss == "cross_entropy":
            flat["loss.reduction"] = "sum"
    else:
        flat["training.mode"] = "negative_sampling"
        flat["negatives.name"] = "independent"
        flat["negatives.num_negatives"] = negatives
        flat["negatives.filtered"] = configuration.get("filter_false_negatives", True)
    if loss == "margin_ranking":
        flat["loss.margin"] = configuration["gamma"]
    if loss == "bce_adversarial":
        flat["loss.adversarial_temperature"] = configuration["adversarial_temperature"]
    if configuration.get("label_smoothing"):
        flat["loss.label_smoothing"] = configuration["label_smoothing"]
    if regularizer != "none":
        flat["regularizer.weight"] = configuration["regularization_weight"]
    if name in ("transe", "rotate"):
        flat["model.margin"] = configuration["gamma"]
    if name == "tucker":
        flat["model.sigmoid"] = True

    nested: dict[str, dict[str, Any]] = {}
    for dotted, value in sorted(flat.items(), key=lambda item: not item[0].endswith(".name")):
        section, _, key = dotted.partition(".")
        nested.setdefault(section, {})[key] = value
    order = ("model", "loss", "regularizer", "negatives", "optimizer", "training")
    return {section: nested[section] for section in order if section in nested}
