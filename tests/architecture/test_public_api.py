"""What a user can hold in the head, and that having it on hand costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import kgtuner

PUBLIC = {
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
}
HEAVY = {"jinja2", "networkx", "ogb", "optuna", "pandas", "plotly", "pooch", "scipy", "sklearn", "torch"}


def imported_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after one statement."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_public_names_are_these_and_no_others() -> None:
    assert set(kgtuner.__all__) == PUBLIC
    assert set(dir(kgtuner)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_name_can_be_imported(name: str) -> None:
    assert getattr(kgtuner, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'kgtuner' has no attribute 'tuna'"):
        kgtuner.tuna  # noqa: B018


@pytest.mark.parametrize("statement", ["import kgtuner", "import kgtuner.cli.main"])
def test_import_loads_no_heavy_library(statement: str) -> None:
    assert imported_by(statement) & HEAVY == set()


def test_graphs_are_read_without_torch() -> None:
    assert "torch" not in imported_by("import kgtuner; kgtuner.KnowledgeGraph, kgtuner.load_dataset")
