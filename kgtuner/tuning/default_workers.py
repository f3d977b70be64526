"""How many trainings run at once where nobody says: one for each core, as far as memory goes."""

from __future__ import annotations

import joblib

from kgtuner.defaults import default_config
from kgtuner.execution.local import Local
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.search.strategies import STRATEGIES
from kgtuner.tuning.memory_plan import size_of
from kgtuner.tuning.raising import MEMORY_SHARE, estimated_bytes, free_memory, is_gpu
from kgtuner.tuning.settings import TuneSettings


def default_executor(settings: TuneSettings, graph: KnowledgeGraph) -> Local:
    """Worker processes of this machine for a run whose user asked for none.

    A budget in trials gets one, because only then is a run repeated trial by trial; so does a strategy that decides
    itself what trains next, and a GPU. Under a clock there are as many as cores, of the machine or of the container,
    that the threads of a training leave, and no more than fit into memory with the default configuration.
    """
    if settings.budget.trials is not None or settings.algorithm in STRATEGIES or is_gpu(settings.device):
        return Local()
    size = size_of(graph)
    needed = max(estimated_bytes(default_config(name, graph), size) for name in settings.models)
    room = int(MEMORY_SHARE * free_memory(settings.device) / needed)
    return Local(max(1, min(joblib.cpu_count() // (settings.threads or 1), room)))
