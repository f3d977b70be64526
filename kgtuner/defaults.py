"""The configuration that a model is trained with when nobody chose one: configs/default/<model>.yaml."""

from __future__ import annotations

from kgtuner.config import TrialConfig
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.registry import lookup
from kgtuner.shipped import shipped_folder
from kgtuner.training.all_entities_limit import why_not_all_entities

MANY_TO_SCORE = 10_000
"""Entities from which on scores against all of them buy less than the many more steps that sampled negatives leave time
for. On one thread of a CPU the two are alike at 6,313 entities, and sampling is ahead at 14,541 (decision 0057)."""

MANY_ENTITIES = 1_000_000
"""From so many on the default has 100 reals an entity, as the published runs on ogbl-wikikg2."""

SAMPLED = {
    "training.mode": "negative_sampling",
    "training.batch_size": 1024,
    "negatives.name": "shared",
    "negatives.num_negatives": 512,
}
"""What takes the place of scoring all entities, where a graph has many of them."""


def default_config(model: str, graph: KnowledgeGraph | None = None) -> TrialConfig:
    """A configuration that is good on a graph of which only the size is known, on a CPU.

    Args:
        graph: decides whether all entities are scored, and with how many reals they begin; None for one of 1,000 to
            10,000 entities.

    Raises:
        ConfigError: `unknown model 'dismult'. Did you mean 'distmult'? Known: …`.
    """
    if graph is not None:
        return default_for(model, graph.n_entities, all_entities=why_not_all_entities(graph) is None)
    files = {path.stem: path for path in sorted((shipped_folder("configs") / "default").glob("*.yaml"))}
    return TrialConfig.load(lookup("model", model, files))


def default_for(model: str, n_entities: int, *, all_entities: bool) -> TrialConfig:
    """The default for a graph of this size.

    Args:
        all_entities: whether scoring all entities makes sense on it at all.

    Raises:
        ConfigError: as `default_config`.
    """
    from kgtuner.models import MODELS  # needs torch, which a default is read without

    config = default_config(model)
    scored = all_entities and (n_entities < MANY_TO_SCORE or MODELS[model].COSTLY_QUERY)
    if not scored and config.training.mode != "negative_sampling":
        config = config.updated(SAMPLED)
    if n_entities >= MANY_ENTITIES:
        config = config.updated({"model.dimension": min(100, int(config.model.options["dimension"]))})
    return config
