"""Files of torch are read exactly, and a file that wants anything to be run is refused before it is."""

from __future__ import annotations

import os
import pickle
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kgtuner.errors import DataError
from kgtuner.graph.ogb.pickle_length import end_of_pickle
from kgtuner.graph.ogb.plain_pickle import NotPlain, StorageRecord, TensorRecord, plain
from kgtuner.graph.ogb.tensor_files import read_tensor_file

PLAIN: dict[Any, Any] = {
    "long": np.arange(12).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "big endian": np.arange(3, dtype=">i4"),
    "empty": np.empty((0, 5), dtype=np.int64),
    "tensor": torch.arange(10),
    "view": torch.arange(10).view(2, 5).T,
    "part": torch.arange(10)[3:7],
    "flags": torch.tensor([True, False]),
    "names": ["a", "b"],
    ("a", "r", "b"): np.int64(7),
    "nested": [{"count": 3, "share": 0.5}, None, ("x", 1)],
}


def saved(path: Path, value: Any, **options: Any) -> Path:
    torch.save(value, path, **options)
    return path


def equal(got: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        return got.keys() == expected.keys() and all(equal(got[key], expected[key]) for key in expected)
    if isinstance(expected, list | tuple):
        return type(got) is type(expected) and all(map(equal, got, expected))
    if isinstance(expected, np.ndarray | torch.Tensor):
        expected = np.asarray(expected)
        return isinstance(got, np.ndarray) and got.shape == expected.shape and bool((got == expected).all())
    return bool(got == expected)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_tensors_and_texts_come_back_from_every_format(
    tmp_path: Path, zipped: bool, protocol: int
) -> None:
    path = saved(tmp_path / "x.pt", PLAIN, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    assert equal(read_tensor_file(path), PLAIN)


class Runs:
    """What a hostile file would have the reader do."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "function", [os.system, subprocess.call, eval, exec, getattr, np.load, np.frombuffer]
)
def test_a_file_that_calls_a_function_is_refused_and_nothing_is_run(
    tmp_path: Path, zipped: bool, function: Any
) -> None:
    mark = tmp_path / "ran"
    hostile = {"head": np.arange(3), "tail": Runs(function, f"touch {mark}")}
    path = saved(tmp_path / "x.pt", hostile, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        NotPlain, match=r"x\.pt is refused: expected arrays, texts and numbers only, got a call of"
    ):
        read_tensor_file(path)
    assert not mark.exists()


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.pt", np.array([{"a": 1}, None], dtype=object))
    with pytest.raises(NotPlain, match="expected arrays of plain numbers, got the type 'O8'"):
        read_tensor_file(path)


@pytest.mark.parametrize("value", [{1, 2}, 1j, torch.nn.Linear(1, 1), np.dtype("i8"), np.array(["text"])])
def test_other_things_than_containers_arrays_texts_and_numbers_are_refused(
    tmp_path: Path, value: Any
) -> None:
    with pytest.raises(NotPlain, match="refused"):
        read_tensor_file(saved(tmp_path / "x.pt", {"a": value}))


def test_an_array_cannot_claim_more_than_its_bytes(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.pt", np.arange(4), _use_new_zipfile_serialization=False, pickle_protocol=4)
    content = path.read_bytes()
    shape = b"K\x01K\x04\x85"  # version 1, shape (4,)
    assert content.count(shape) == 1
    path.write_bytes(content.replace(shape, b"K\x01K\x09\x85"))
    with pytest.raises(NotPlain, match=r"shape \(9,\) and type int64 cannot have 32 bytes"):
        read_tensor_file(path)


def test_a_tensor_cannot_reach_beyond_its_memory(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.pt", torch.arange(4), _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    shape = b"K\x00K\x04\x85"  # offset 0, shape (4,)
    assert content.count(shape) == 1
    path.write_bytes(content.replace(shape, b"K\x02K\x04\x85"))
    with pytest.raises(NotPlain, match="a tensor reaches beyond its memory"):
        read_tensor_file(path)


def zip_of(path: Path, structure: bytes, memory: bytes) -> Path:
    """A .pt file with a pickle written by hand; its tensors lie in `0`."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", structure)
        archive.writestr("x/data/0", memory)
    return path


STORAGE = b"(X\x07\0\0\0storagectorch\nLongStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"K\x00K\x02\x85K\x01\x85tR"
NEGATIVE = b"(dX\x07\0\0\0strides(J" + (-100_000).to_bytes(4, "little", signed=True) + b"tsb"


def test_a_tensor_written_by_hand_is_read(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "x.pt", b"\x80\x02" + TENSOR + b".", np.arange(4).tobytes())
    assert equal(read_tensor_file(path), np.arange(2))


@pytest.mark.parametrize(
    "structure",
    [
        TENSOR + NEGATIVE,
        STORAGE + NEGATIVE,
        b"ctorch\nLongStorage\n" + NEGATIVE,
        b"cnumpy\nndarray\n" + NEGATIVE,
        b"ctorch._utils\n_rebuild_tensor_v2\n" + NEGATIVE,
        b"ccollections\nOrderedDict\n)R" + NEGATIVE,
        b"cnumpy\ndtype\n(X\x02\0\0\0i8tR" + NEGATIVE,
    ],
    ids=["tensor", "memory", "type", "array", "function", "dict", "dtype"],
)
def test_what_was_checked_cannot_be_changed_afterwards(tmp_path: Path, structure: bytes) -> None:
    path = zip_of(tmp_path / "x.pt", b"\x80\x02" + structure + b".", np.arange(4).tobytes())
    with pytest.raises(NotPlain, match="got a state for a|expected a byte order"):
        read_tensor_file(path)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (2,), (-100_000,)), (-1, (1,), (1,)), (3, (2,), (-1,)), (0, (-2,), (1,)), (0, (2, 2), (1,))],
)
def test_a_view_stays_within_its_memory_whoever_described_it(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    record = TensorRecord(StorageRecord("0", "i8", 4), offset, shape, strides)
    with pytest.raises(NotPlain, match="a tensor reaches beyond its memory"):
        plain(record, {"0": np.arange(4)}, "x.pt")


def test_bytes_under_an_array_cannot_grow(tmp_path: Path) -> None:
    dtype = b"cnumpy\ndtype\n(X\x02\0\0\0u1tR"
    content = b"\x96" + (2).to_bytes(8, "little") + b"abq\x00"
    array = b"cnumpy.core.numeric\n_frombuffer\n(" + content + dtype + b"K\x02\x85X\x01\0\0\0CtRq\x01"
    structure = b"\x80\x05" + array + b"0h\x00(K\x01K\x02e0h\x01."
    with pytest.raises(DataError, match="damaged"):
        read_tensor_file(zip_of(tmp_path / "x.pt", structure, b""))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_cut_short_is_damaged(tmp_path: Path, zipped: bool) -> None:
    path = saved(tmp_path / "x.pt", PLAIN, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    for length in (0, 3, 40, len(content) // 2, len(content) - 9):
        path.write_bytes(content[:length])
        with pytest.raises(DataError):
            read_tensor_file(path)


def test_a_plain_pickle_and_a_compressed_zip_are_no_files_of_torch(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(DataError, match="not a file of torch"):
        read_tensor_file(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", pickle.dumps({"a": 1}))
    with pytest.raises(DataError, match=r"data\.pkl is compressed"):
        read_tensor_file(path)
    with pytest.raises(DataError, match=r"cannot read .*absent\.pt"):
        read_tensor_file(tmp_path / "absent.pt")


def with_structure(path: Path, structure: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", structure)
    return path


@pytest.mark.parametrize("put", [b"r" + (4_000_000_000).to_bytes(4, "little"), b"p4000000000\n"])
def test_a_pickle_cannot_put_a_few_bytes_aside_where_they_take_gigabytes(tmp_path: Path, put: bytes) -> None:
    path = with_structure(tmp_path / "x.pt", b"\x80\x02]" + put + b".")
    with pytest.raises(
        DataError, match="damaged: it puts something aside as number 4,000,000,000 after 3 bytes"
    ):
        read_tensor_file(path)
    assert read_tensor_file(with_structure(tmp_path / "x.pt", b"\x80\x02]r\1\0\0\0h\1\x86.")) == ([], [])


def test_containers_in_containers_do_not_grow_beyond_all_bounds(tmp_path: Path) -> None:
    twice: list[Any] = [1]
    for _ in range(200):
        twice = [twice, twice]
    read = read_tensor_file(with_structure(tmp_path / "x.pt", pickle.dumps(twice, 2)))
    for _ in range(200):
        assert read[0] is read[1]
        read = read[0]
    assert read == [1]


def test_a_container_that_holds_itself_is_refused(tmp_path: Path) -> None:
    itself: list[Any] = []
    itself.append(itself)
    with pytest.raises(NotPlain, match="its containers are nested without end"):
        read_tensor_file(with_structure(tmp_path / "x.pt", pickle.dumps(itself, 2)))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_the_end_of_a_pickle_is_found(protocol: int) -> None:
    value = {"a": [1, -5, 2**70, 1.5, None, True, "é" * 300, b"x" * 300], ("t", "u", "v", "w"): np.arange(70)}
    whole = pickle.dumps(value, protocol)
    assert end_of_pickle(b"\0\0" + whole + b"more.", 2) == 2 + len(whole)
    for cut in (b"", whole[:-1], b"\xff."):
        with pytest.raises(DataError, match="does not hold a whole pickle"):
            end_of_pickle(cut)
