"""The shape of the package: imports point downwards, and every module says what it is for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "kgtuner"
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py"))


def test_imports_point_downwards_only() -> None:
    pytest.importorskip("importlinter", reason="import-linter comes with kgtuner[dev]")
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
        "--no-cache",
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"\n{result.stdout}\n{result.stderr}"


@pytest.mark.parametrize("module", MODULES)
def test_module_says_what_it_is_for(module: str) -> None:
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"), filename=module)
    assert ast.get_docstring(tree), f"{module} must open with a docstring"


def test_every_folder_of_modules_is_a_package() -> None:
    # A folder without __init__.py is importable all the same, but import-linter would not see it.
    missing = {path.parent for path in PACKAGE.rglob("*.py")} - {
        path.parent for path in PACKAGE.rglob("__init__.py")
    }
    assert not missing, f"no __init__.py in {sorted(str(folder.relative_to(ROOT)) for folder in missing)}"
