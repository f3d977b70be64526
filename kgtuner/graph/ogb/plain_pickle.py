"""Arrays, texts and numbers out of a pickle, and nothing else.

A pickle is a program: it names functions, and the unpickler calls them. OGB's files come over plain HTTP without a
checksum, so here no name leads to a function of numpy or torch. Each of the few names that such a file needs stands
for a class below, which does nothing but keep what it is told; arrays are then made from those records, with every
size checked against the bytes that are really there. Any other name is refused, and so is a state for a record: an
unpickler would write it over fields that were checked before.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from mmap import mmap
from typing import IO, TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from kgtuner.errors import DataError
from kgtuner.graph.ogb.pickle_length import end_of_pickle

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PLAIN_DTYPES = frozenset(
    f"{kind}{size}" for kind, sizes in {"i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "b": (1,)}.items()
    for size in sizes
)  # fmt: skip
STORAGES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "LongStorage": "i8", "IntStorage": "i4",
    "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "b1",
}  # fmt: skip
"""torch's names for flat memory, and the numbers in it."""

DAMAGE = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError, OverflowError, BufferError,
)  # fmt: skip
"""What the unpickler raises for bytes that are no pickle, or one with impossible contents."""


class NotPlain(DataError):
    """The file asks for something that is neither an array, nor a text, a number or a container of them."""


class Record:
    """Something that a pickle may ask for, but never change afterwards."""

    def __setstate__(self, state: object) -> None:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotPlain(f"expected arrays, texts and numbers only, got a state for a {type(self).__name__}")


class Ordered(Record, dict[Any, Any]):
    """What `collections.OrderedDict` stands for: a dict keeps its order."""


class DtypeRecord(Record):
    """What `numpy.dtype(...)` was called with."""

    def __init__(self, code: object = None, align: object = False, copy: object = True) -> None:
        if not isinstance(code, str) or code not in PLAIN_DTYPES:
            raise NotPlain(f"expected arrays of plain numbers, got the type {code!r}")
        self.code, self.order = code, "<"

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if order not in ("<", ">", "|", "="):
            raise NotPlain(f"expected a byte order, got {order!r}")
        self.order = str(order)

    def dtype(self) -> np.dtype[Any]:
        return np.dtype(("<" if self.order == "=" else self.order) + self.code)


class ArrayRecord(Record):
    """What an array was told to be."""

    def __init__(self, values: npt.NDArray[Any] | None = None) -> None:
        self.values = values

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], DtypeRecord):
            raise NotPlain("expected an array of plain numbers, got another state")
        _, shape, dtype, fortran, content = state
        self.values = as_array(content, dtype.dtype(), shape, "F" if fortran else "C")


class Array(Record):
    """The name `numpy.ndarray`, which is only ever an argument."""


class Storage(Record):
    """A name such as `torch.LongStorage`, which is only ever an argument."""

    def __init__(self, code: str) -> None:
        self.code = code


@dataclass
class TensorRecord(Record):
    """A view of flat memory, which lies elsewhere in the file: its key there, and offset, shape and strides."""

    storage: StorageRecord
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class StorageRecord(Record):
    """Flat memory that is stored under `key`: so many numbers of a type."""

    key: str
    code: str
    count: int


@dataclass(frozen=True)
class Name(Record):
    """A name that a file may call: a function of ours, which it must not reach itself."""

    function: Callable[..., Any]

    def __call__(self, *given: Any) -> Any:
        return self.function(*given)


def _reconstruct(kind: object, shape: object, code: object) -> ArrayRecord:
    return ArrayRecord()


def _from_buffer(content: object, dtype: object, shape: object, order: object) -> ArrayRecord:
    if not isinstance(dtype, DtypeRecord) or order not in ("C", "F"):
        raise NotPlain("expected an array of plain numbers, got another buffer")
    return ArrayRecord(as_array(content, dtype.dtype(), shape, str(order)))


def _scalar(dtype: object, content: object) -> int | float | bool:
    if not isinstance(dtype, DtypeRecord):
        raise NotPlain("expected a plain number, got another scalar")
    number: int | float | bool = as_array(content, dtype.dtype(), (1,), "C")[0].item()
    return number


def _encode(text: object, encoding: object = "utf-8") -> bytes:
    """`_codecs.encode`: how protocol 2 writes bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise NotPlain(f"expected bytes written as latin1, got {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """`bytes()`: how protocol 2 writes the content of an empty array."""
    return b""


def _tensor(storage: object, offset: object, shape: object, strides: object, *rest: object) -> TensorRecord:
    shape, strides = whole_numbers(shape), whole_numbers(strides)
    if not isinstance(storage, StorageRecord) or not isinstance(offset, int) or len(shape) != len(strides):
        raise NotPlain("expected a tensor of plain numbers, got another description of one")
    return TensorRecord(storage, offset, shape, strides)


NAMES: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): DtypeRecord,
    ("numpy", "ndarray"): Array,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "bytes"): _no_bytes,
    ("collections", "OrderedDict"): Ordered,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
}
"""All that a file may name."""


class PlainUnpickler(pickle.Unpickler):
    """Builds records instead of calling what the pickle names.

    Attributes:
        storages: the flat memory that tensors of this pickle refer to, by key.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, StorageRecord] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module in ("torch", "torch.storage") and name in STORAGES:
            return Storage(STORAGES[name])
        if (module, name) not in NAMES:
            raise NotPlain(f"expected arrays, texts and numbers only, got a call of {module}.{name}")
        return Name(NAMES[module, name])

    def persistent_load(self, pid: Any) -> StorageRecord:
        kind, key, count = (
            (pid[1], pid[2], pid[4]) if isinstance(pid, tuple) and len(pid) >= 5 else (None,) * 3
        )
        if (
            not isinstance(kind, Storage)
            or not isinstance(key, str)
            or not isinstance(count, int)
            or count < 0
        ):
            raise NotPlain("expected a reference to the memory of a tensor, got another one")
        return self.storages.setdefault(key, StorageRecord(key, kind.code, count))


class Stretch(io.RawIOBase):
    """Bytes to be read from where they are: gigabytes of a mapped file are copied once, into what comes out of them."""

    def __init__(self, content: memoryview) -> None:
        self.content = content
        self.at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        room = memoryview(buffer).cast("B")
        count = min(len(room), len(self.content) - self.at)
        room[:count] = self.content[self.at : self.at + count]
        self.at += count
        return count


def load(content: bytes | mmap, what: str, start: int = 0) -> tuple[Any, dict[str, StorageRecord], int]:
    """One pickle's content with records in it, see `plain`, the memory that its tensors refer to, and where it ends.

    Raises:
        NotPlain: if there is anything else in it than arrays, texts, numbers and containers of them.
        DataError: if it is no whole pickle.
    """
    try:
        end = end_of_pickle(content, start)
        with memoryview(content) as view, view[start:end] as stretch:
            unpickler = PlainUnpickler(io.BufferedReader(Stretch(stretch)))
            return unpickler.load(), unpickler.storages, end
    except NotPlain as error:
        raise NotPlain(f"{what} is refused: {error}") from None
    except DataError as error:
        raise DataError(f"{what} is damaged: {error}") from None
    except (*DAMAGE, MemoryError, RecursionError) as error:
        raise DataError(f"{what} is damaged: {str(error) or type(error).__name__}") from None


def plain(value: Any, memory: Mapping[str, npt.NDArray[Any]], what: str) -> Any:
    """The same with arrays in the place of records; only dicts, lists, tuples, texts, numbers and None remain.

    Args:
        memory: (n,) numbers of each storage, by key.

    Raises:
        NotPlain: for anything else, and for a container that holds itself.
    """
    try:
        return _plain(value, memory, what, {})
    except RecursionError:
        raise NotPlain(f"{what} is refused: its containers are nested without end") from None


def _plain(value: Any, memory: Mapping[str, npt.NDArray[Any]], what: str, made: dict[int, Any]) -> Any:
    """As `plain`. A container that occurs twice is made once (`made`, by its id): a few could else become billions."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, ArrayRecord) and value.values is not None:
        return value.values
    if isinstance(value, TensorRecord):
        return _view(value, memory, what)
    if not isinstance(value, dict | list | tuple):
        raise NotPlain(f"{what} is refused: expected arrays, texts and numbers, got {type(value).__name__}")
    if id(value) not in made:
        made[id(value)] = _container(value, memory, what, made)
    return made[id(value)]


def _container(
    value: dict[Any, Any] | list[Any] | tuple[Any, ...],
    memory: Mapping[str, npt.NDArray[Any]],
    what: str,
    made: dict[int, Any],
) -> Any:
    if isinstance(value, dict):
        if not all(
            isinstance(part, str | int) for k in value for part in (k if isinstance(k, tuple) else (k,))
        ):
            raise NotPlain(f"{what} is refused: a dict has a key that is neither text nor number")
        return {key: _plain(part, memory, what, made) for key, part in value.items()}
    if all(type(part) is str for part in value):  # millions of them, in ogbl-biokg
        return value
    return type(value)(_plain(part, memory, what, made) for part in value)


def as_array(content: object, dtype: np.dtype[Any], shape: object, order: str) -> npt.NDArray[Any]:
    """Bytes as an array that must fill its shape exactly; not a copy."""
    sizes = whole_numbers(shape)
    if not isinstance(content, bytes | bytearray):
        raise NotPlain(f"expected the bytes of an array, got {type(content).__name__}")
    if math.prod(sizes) * dtype.itemsize != len(content):
        raise NotPlain(f"an array of shape {sizes} and type {dtype} cannot have {len(content):,} bytes")
    flat = np.frombuffer(content, dtype)
    return flat.reshape(sizes, order="F" if order == "F" else "C")


def whole_numbers(value: object) -> tuple[int, ...]:
    sizes = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else (-1,)
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise NotPlain(f"expected sizes that are whole numbers, got {value!r:.80}")
    return sizes


def _view(tensor: TensorRecord, memory: Mapping[str, npt.NDArray[Any]], what: str) -> npt.NDArray[Any]:
    flat = memory[tensor.storage.key]
    sizes = (tensor.offset, *tensor.shape, *tensor.strides)
    if len(tensor.shape) != len(tensor.strides) or not all(type(n) is int and n >= 0 for n in sizes):
        raise NotPlain(f"{what} is refused: a tensor reaches beyond its memory")
    last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True))
    if 0 in tensor.shape:
        return np.empty(tensor.shape, flat.dtype)
    if last >= len(flat):
        raise NotPlain(f"{what} is refused: a tensor reaches beyond its memory")
    strides = [stride * flat.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, strides, writeable=False)
    contiguous = view.flags.c_contiguous
    if not contiguous and view.size > len(flat):  # strides of 0 make terabytes of a byte
        raise NotPlain(f"{what} is refused: a tensor has more numbers than its memory")
    return view
