"""Published KGTuner configurations: one by itself, or one of the file that collects them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgtuner.errors import ConfigError
from kgtuner.exchange.settings import Settings, shown
from kgtuner.registry import lookup
from kgtuner.space.paper import MODEL_OPTIONS, PLAIN, TRANSLATED, from_published

EFFECTLESS = {
    "gamma": "has an effect in margin losses and distance models only",
    "adversarial_temperature": "has an effect under BCE_adv only",
    "regularization_weight": "nothing is regularised",
    "filter_false_negatives": "nothing is sampled",
}


def is_paper(mapping: Mapping[str, Any]) -> bool:
    """Whether this looks like a published configuration or a collection of them."""
    collected = isinstance(mapping.get("datasets"), Mapping)
    inner = mapping.get("configuration", mapping)
    single = isinstance(inner, Mapping) and "num_negatives" in inner and "share_inverse_relation" in inner
    return collected or single


def convert_paper(
    mapping: Mapping[str, Any], *, dataset: str | None, model: str | None
) -> tuple[dict[str, Any], str | None, list[str]]:
    """Our nested settings, the data set they were found on, and what has no counterpart.

    Args:
        mapping: `{"datasets": {name: {model: {"configuration": …}}}}`, one `{"configuration": …}`, or the bare
            settings; the last two with the model's name as `model`, unless it is given.
        dataset, model: which one of a collection; may be left out where there is no choice.

    Raises:
        ConfigError: for a choice that is missing or not there, or settings that the paper does not have.
    """
    lost: list[str] = []
    if isinstance(mapping.get("datasets"), Mapping):
        dataset, models = _chosen("dataset", dataset, mapping["datasets"])
        model, entry = _chosen("model", model, models)
        mapping = entry
    settings = dict(mapping)
    inner = settings.pop("configuration", None)
    model = model or settings.pop("model", None)
    dataset = dataset or settings.pop("dataset", None)
    settings.pop("published", None)  # what was measured with it
    if inner is not None:
        lost += Settings(settings).rest()
        settings = dict(_mapping("configuration", inner))
    if not isinstance(model, str):
        raise ConfigError("a published configuration does not say which model it is for; give --model")
    ours = ("TransE", "DistMult", "ComplEx", "RotatE", "ConvE", "RESCAL", "TuckER", "AutoSF")
    name = next((n for n in ours if n.lower() == model.lower()), model)
    known = {*PLAIN, *TRANSLATED, *(key for _, key in MODEL_OPTIONS)}
    for key in [key for key in settings if key not in known]:
        lost.append(f"{key} = {shown(settings.pop(key))}")
    for key in [key for owner, key in MODEL_OPTIONS if owner != name.lower() and key in settings]:
        lost.append(f"{key} = {shown(settings.pop(key))}: belongs to another model")
    nested = from_published(name, settings)
    used = {key for section in nested.values() for key in section}
    sampled = nested["training"]["mode"] == "negative_sampling"
    unused = {
        "gamma": "margin" not in used,
        "adversarial_temperature": "adversarial_temperature" not in used,
        "regularization_weight": nested["regularizer"]["name"] == "none",
        "filter_false_negatives": not sampled,
    }
    lost += [f"{k} = {shown(settings[k])}: {EFFECTLESS[k]}" for k in unused if unused[k] and settings.get(k)]
    return dict(nested), dataset if isinstance(dataset, str) else None, lost


def _chosen(kind: str, name: str | None, table: Any) -> tuple[str, Mapping[str, Any]]:
    options = _mapping(kind, table)
    if name is None:
        if len(options) != 1:
            raise ConfigError(f"the file holds several: give --{kind}, one of {', '.join(map(str, options))}")
        name = str(next(iter(options)))
    names = {str(key).lower(): key for key in options}
    key = lookup(f"{kind} in the file", name.lower(), names)
    return str(key), _mapping(str(key), options[key])


def _mapping(what: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(f"{what} must be a mapping of settings, got {shown(value)}")
    return value
