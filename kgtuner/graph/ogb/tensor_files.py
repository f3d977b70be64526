"""What `torch.save` wrote, as numpy arrays, without torch and without running anything: see `plain_pickle`.

zip     since torch 1.6: `data.pkl` with the structure, `data/0`, `data/1`, … with the memory of tensors
legacy  before: four pickles (a magic number, a version, the machine, the structure), a pickle with the keys of the
        memory, and for each key its length and its bytes
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from kgtuner.errors import DataError
from kgtuner.files import reason
from kgtuner.graph.ogb.plain_pickle import StorageRecord, load, plain

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
LONGEST_MEMBER = 1 << 36


def read_tensor_file(path: Path) -> Any:
    """The dicts, lists, arrays, texts and numbers in a .pt file; tensors become arrays, perhaps read-only.

    Raises:
        NotPlain: if the file asks for anything else.
        DataError: if it cannot be read or is damaged.
    """
    if sys.byteorder != "little":
        raise DataError("files of torch can be read on little-endian machines only")
    try:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(0)
            return _read_zip(file, path) if start == b"PK\x03\x04" else _read_legacy(file, path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {reason(error)}") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path} is damaged: {str(error) or type(error).__name__}") from None
    except MemoryError:
        raise DataError(f"{path} needs more memory than there is") from None


def _read_zip(file: IO[bytes], path: Path) -> Any:
    with zipfile.ZipFile(file) as archive:
        inside = {info.filename.partition("/")[2]: info for info in archive.infolist()}
        if "data.pkl" not in inside:
            raise DataError(f"{path} is not a file of torch: it has no data.pkl")
        for info in inside.values():
            # torch never compresses, so what a member unpacks to is bounded by the file itself.
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > LONGEST_MEMBER:
                raise DataError(f"{path} is not a file of torch: {info.filename} is compressed")
        if "byteorder" in inside and archive.read(inside["byteorder"]) != b"little":
            raise DataError(f"{path} was written on a big-endian machine, which is not supported")
        value, storages, _ = load(archive.read(inside["data.pkl"]), str(path))
        memory: dict[str, npt.NDArray[Any]] = {}
        for key, record in storages.items():
            if f"data/{key}" not in inside:
                raise DataError(f"{path} is damaged: the memory {key!r} of a tensor is missing")
            content = archive.read(inside[f"data/{key}"])
            memory[key] = _numbers(content, record, path)
    return plain(value, memory, str(path))


def _read_legacy(file: IO[bytes], path: Path) -> Any:
    size = path.stat().st_size
    if not size:
        raise DataError(f"{path} is empty")
    with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        magic, _, end = load(content, str(path))
        version, _, end = load(content, str(path), end) if magic == MAGIC else (None, {}, end)
        if version != VERSION:
            raise DataError(f"{path} is not a file of torch")
        _, _, end = load(content, str(path), end)  # byte order and sizes of the machine
        value, storages, end = load(content, str(path), end)
        keys, _, end = load(content, str(path), end)
    file.seek(end)
    memory: dict[str, npt.NDArray[Any]] = {}
    for key in keys if isinstance(keys, list) else ():
        record = storages.get(key) if isinstance(key, str) else None
        count = int.from_bytes(file.read(8), "little")
        if record is None or count != record.count or count * np.dtype(record.code).itemsize > size:
            raise DataError(f"{path} is damaged: the memory {key!r:.40} of a tensor has another length")
        memory[record.key] = _numbers(file.read(count * np.dtype(record.code).itemsize), record, path)
    _require_all(storages, memory, path)
    return plain(value, memory, str(path))


def _numbers(content: bytes, record: StorageRecord, path: Path) -> npt.NDArray[Any]:
    if len(content) != record.count * np.dtype(record.code).itemsize:
        raise DataError(f"{path} is damaged: the memory {record.key!r} of a tensor has another length")
    return np.frombuffer(content, record.code)


def _require_all(
    storages: Mapping[str, StorageRecord], memory: Mapping[str, npt.NDArray[Any]], path: Path
) -> None:
    for key in storages:
        if key not in memory:
            raise DataError(f"{path} is damaged: the memory {key!r} of a tensor is missing")
