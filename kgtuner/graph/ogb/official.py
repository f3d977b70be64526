"""The package `ogb` itself: imported without its look at the network, its data set class without what makes it unsafe.

`LinkPropPredDataset` of ogb 1.3.6 unpickles whatever lies in the folder, or fails to with torch from 2.6 on; asks on
standard input whether to delete the folder or to download gigabytes; and writes into the folder. `open_dataset` gives
the same class with our reader in the place of `torch.load`, for scripts that want OGB's object, and for comparing.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

from kgtuner.errors import DataError
from kgtuner.graph.ogb.layout import is_ogb_folder
from kgtuner.graph.ogb.tensor_files import read_tensor_file


def open_dataset(name: str, root: str | Path) -> Any:
    """OGB's `LinkPropPredDataset` of a folder that is there, at the first and at later times.

    Arrays are numpy's, where OGB's files hold tensors too. Nothing is asked, fetched, written or deleted; the edges
    in `raw/` are read each time unless OGB has left its own cache.

    Args:
        name: of the data set, such as ogbl-biokg.
        root: the folder above the data set's own.

    Raises:
        DataError: if it is not there, incomplete or damaged, or asks for anything but arrays, texts and numbers.
    """
    folder = Path(root) / name.replace("-", "_")
    if not is_ogb_folder(folder):
        raise DataError(f"{folder} is no graph of OGB: expected split/<type>/train.pt, valid.pt and test.pt")
    try:
        return _safe_module(folder).LinkPropPredDataset(name, root=str(root))
    except ValueError as error:
        raise DataError(f"OGB cannot read {folder}: {' '.join(str(error).split())}") from None


def _safe_module(folder: Path) -> ModuleType:
    """A copy of OGB's module for this folder; the one that others import stays as it is."""
    spec = _source()
    module = importlib.util.module_from_spec(spec)
    with without_look_for_newer_version():
        spec.loader.exec_module(module)

    def load(path: str, *mode: Any) -> Any:
        return read_tensor_file(Path(path))

    def refuse(*given: Any) -> NoReturn:
        raise DataError(
            f"{folder} lacks OGB's edges in raw/, and nothing is downloaded over an existing folder"
        )

    vars(module).update(
        torch=SimpleNamespace(load=load, save=lambda *given, **options: None),
        input=lambda question: "n",  # whether to delete the folder
        print=lambda *given: None,
        decide_download=refuse,
        shutil=None,
    )
    return module


@cache
def _source() -> Any:
    with without_look_for_newer_version():
        return importlib.util.find_spec("ogb.linkproppred.dataset")


@contextmanager
def without_look_for_newer_version() -> Iterator[None]:
    """Import ogb without the thread in which it asks the network for a newer version of itself.

    The thread is started where the package `outdated` can be imported, and a program does not end before it does.
    """
    missing = object()
    before = sys.modules.get("outdated", missing)
    if "ogb" not in sys.modules:
        sys.modules["outdated"] = None  # type: ignore[assignment]  # makes an import of it fail
    try:
        yield
    finally:
        if before is missing:
            sys.modules.pop("outdated", None)
        else:
            sys.modules["outdated"] = before  # type: ignore[assignment]
