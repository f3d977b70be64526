"""Two-stage hyper-parameter search for knowledge graph embedding models.

    import kgtuner as kt

    graph = kt.load_dataset("world")
    result = kt.tune(graph, model="complex", budget="2m", seed=0)

The names below are loaded on first use, so that `import kgtuner` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "InProcess",
    "KGTunerError",
    "KnowledgeGraph",
    "Local",
    "Ray",
    "TrialConfig",
    "__version__",
    "compare",
    "default_config",
    "evaluate",
    "export",
    "import_config",
    "load_dataset",
    "load_run",
    "resume",
    "sample_subgraph",
    "train",
    "tune",
    "write_report",
]

if TYPE_CHECKING:
    from kgtuner.api.evaluation import evaluate, load_run
    from kgtuner.api.exchange import export, import_config
    from kgtuner.api.report import compare, write_report
    from kgtuner.api.training import train
    from kgtuner.api.tuning import resume, tune
    from kgtuner.config import TrialConfig
    from kgtuner.defaults import default_config
    from kgtuner.errors import KGTunerError
    from kgtuner.execution.inprocess import InProcess
    from kgtuner.execution.local import Local
    from kgtuner.execution.ray import Ray
    from kgtuner.graph.catalog import load_dataset
    from kgtuner.graph.knowledge_graph import KnowledgeGraph
    from kgtuner.subgraph import sample_subgraph
else:  # hidden from type checkers, for which a module with __getattr__ has every name
    _HOME = {
        "InProcess": "kgtuner.execution.inprocess",
        "KGTunerError": "kgtuner.errors",
        "KnowledgeGraph": "kgtuner.graph.knowledge_graph",
        "Local": "kgtuner.execution.local",
        "Ray": "kgtuner.execution.ray",
        "TrialConfig": "kgtuner.config",
        "compare": "kgtuner.api.report",
        "default_config": "kgtuner.defaults",
        "evaluate": "kgtuner.api.evaluation",
        "export": "kgtuner.api.exchange",
        "import_config": "kgtuner.api.exchange",
        "load_dataset": "kgtuner.graph.catalog",
        "load_run": "kgtuner.api.evaluation",
        "resume": "kgtuner.api.tuning",
        "sample_subgraph": "kgtuner.subgraph",
        "train": "kgtuner.api.training",
        "tune": "kgtuner.api.tuning",
        "write_report": "kgtuner.api.report",
    }

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'kgtuner' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOME[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
