"""Fetch the three files of a data set into a folder: verified, unpacked safely, all or nothing.

An archive is never unpacked as it says. Its members are looked at, the three wanted ones are copied under our
own names, and every byte is counted on the way, so that neither a path nor a link nor a bomb in it does harm.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import shutil
import stat
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from kgtuner.errors import DataError
from kgtuner.types import SPLITS, Split

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0  # without a single byte
MAX_MEMBERS = 1_000
CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Source:
    """One place on the internet that has the data set.

    Either `archive`, the address of a tar or zip file with train.txt, valid.txt and test.txt somewhere in it,
    or `folder`, the address below which the three files lie. Checksums read `sha256:…` or `md5:…`.
    """

    archive: str | None = None
    folder: str | None = None
    checksum: str | None = None  # of the archive
    members: Mapping[Split, str] = field(default_factory=dict)  # of the files, as they are published

    @property
    def address(self) -> str:
        return cast(str, self.archive or self.folder)


def fetch(
    name: str,
    sources: tuple[Source, ...],
    target: Path,
    *,
    files: Mapping[Split, str],
    max_bytes: int,
    progress: bool | None = None,
) -> None:
    """Fill the folder `target` with train.txt, valid.txt and test.txt from the first source that works.

    Args:
        name: of the data set, for messages.
        files: checksums of the three files with LF line ends.
        max_bytes: more than this from one address, or unpacked from one archive, is refused.
        progress: show a bar; None: if standard error is a terminal.

    Raises:
        DataError: if no source works, with the reason of each. `target` is then as it was.
    """
    progress = sys.stderr.isatty() if progress is None else progress
    reasons: list[str] = []
    unreachable: set[str] = set()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as scratch:
            for number, source in enumerate(sources):
                work = Path(scratch, str(number))
                try:
                    _fetch_source(source, work, max_bytes, progress, unreachable)
                    for split, checksum in files.items():
                        _verify(work / f"{split}.txt", checksum, f"{split}.txt from {source.address}")
                except DataError as error:
                    reasons.append(str(error))
                    continue
                _move(work, target)
                return
    except OSError as error:
        raise DataError(f"cannot write {name} to {target}: {error.strerror or error}") from None
    raise DataError("; ".join(dict.fromkeys(reasons)) or f"{name} has no address to download from")


def fetch_folder(
    name: str, source: Source, target: Path, *, max_bytes: int, progress: bool | None = None
) -> None:
    """Fill the folder `target`, which must not be there yet, with all that lies below the one folder of a zip file.

    Args:
        name, max_bytes, progress: as for `fetch`.

    Raises:
        DataError: if it cannot be fetched or is not such a file. `target` is then not there.
    """
    progress = sys.stderr.isatty() if progress is None else progress
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as scratch:
            packed, work = Path(scratch, "archive"), Path(scratch, "unpacked")
            _retrieve(source.address, packed, source.checksum, max_bytes, progress, set())
            unpack_folder(packed, work, max_bytes=max_bytes, origin=source.address)
            work.rename(target)
    except OSError as error:
        raise DataError(f"cannot write {name} to {target}: {error.strerror or error}") from None


def unpack_folder(archive: Path, folder: Path, *, max_bytes: int, origin: str) -> None:
    """Copy the files of a zip file, all of which lie in one folder in it, into `folder`.

    Raises:
        DataError: as `unpack`, and if there is more than one folder at the top.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            tops, left = set(), max_bytes
            for number, member in enumerate(packed.infolist()):
                _check_member(member.filename, number, origin)
                _check_kind(member, origin)
                left -= member.file_size
                if left < 0:
                    raise DataError(f"{origin} unpacks to more than {max_bytes:,} bytes; refused as a bomb")
                tops.add(PurePosixPath(member.filename).parts[0])
                if len(tops) > 1:
                    raise DataError(
                        f"{origin} has {' and '.join(sorted(tops))} at its top, expected one folder"
                    )
                inside = PurePosixPath(*PurePosixPath(member.filename).parts[1:])
                if member.is_dir() or not inside.parts:
                    continue
                place = folder / inside
                place.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(member) as content:
                    _copy(cast(IO[bytes], _BoundedReader(content, member.file_size, origin)), place)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise DataError(f"{origin} is not a whole zip file: {str(error) or type(error).__name__}") from None


def _check_kind(member: zipfile.ZipInfo, origin: str) -> None:
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DataError(f"{origin} has {member.filename!r}, which is neither a plain file nor a folder")


def _fetch_source(source: Source, work: Path, max_bytes: int, progress: bool, unreachable: set[str]) -> None:
    """The three files with LF line ends in the folder `work`, checked against what the source publishes."""
    raw = work / "raw"
    raw.mkdir(parents=True)
    if source.archive:
        packed = raw / "archive"
        _retrieve(source.archive, packed, source.checksum, max_bytes, progress, unreachable)
        unpack(packed, raw, max_bytes=max_bytes, origin=source.archive)
    else:
        for split in SPLITS:
            address = f"{source.address.rstrip('/')}/{split}.txt"
            _retrieve(
                address, raw / f"{split}.txt", source.members.get(split), max_bytes, progress, unreachable
            )
    for split in SPLITS:
        if split in source.members:
            _verify(raw / f"{split}.txt", source.members[split], f"{split}.txt from {source.address}")
        _convert_line_ends(raw / f"{split}.txt", work / f"{split}.txt")
    shutil.rmtree(raw)


def _retrieve(
    url: str, path: Path, checksum: str | None, max_bytes: int, progress: bool, unreachable: set[str]
) -> None:
    import pooch
    import requests

    host = url.split("/")[2]
    if host in unreachable:
        raise DataError(f"no answer from {host}")
    get = pooch.HTTPDownloader(
        progressbar=progress, chunk_size=1 << 16, timeout=(CONNECT_SECONDS, READ_SECONDS)
    )

    def bounded(url: str, output_file: str, pooch: Any) -> None:
        with open(output_file, "wb") as file:
            get(url, _BoundedWriter(file, max_bytes, url), pooch)

    try:
        with _quiet(pooch.get_logger()):
            pooch.retrieve(url, known_hash=checksum, fname=path.name, path=path.parent, downloader=bounded)
    except requests.exceptions.HTTPError as error:
        status = error.response.status_code if error.response is not None else "with an error"
        raise DataError(f"{url}: the server answers {status}") from None
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout):
        unreachable.add(host)
        raise DataError(f"no answer from {host}") from None
    except requests.exceptions.RequestException as error:
        raise DataError(f"{url}: {type(error).__name__}") from None
    except ValueError as error:
        if "hash" not in str(error):
            raise
        raise DataError(f"{url}: the checksum is not {checksum}, so this is not the published file") from None


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """pooch announces every download; the command line has its own words for that."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


class _BoundedWriter:
    """A file to write to that ends a download which is larger than it may be."""

    def __init__(self, file: IO[bytes], max_bytes: int, origin: str) -> None:
        self._file, self._left, self._max, self._origin = file, max_bytes, max_bytes, origin

    def write(self, data: bytes) -> int:
        self._left -= len(data)
        if self._left < 0:
            raise DataError(f"{self._origin}: expected at most {self._max:,} bytes, got more")
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


class _BoundedReader:
    """The unpacked side of a compressed stream, up to `max_bytes`."""

    def __init__(self, file: IO[bytes], max_bytes: int, origin: str) -> None:
        self._file, self._left, self._max, self._origin = file, max_bytes, max_bytes, origin

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(size, CHUNK) if size >= 0 else CHUNK)
        self._left -= len(data)
        if self._left < 0:
            raise DataError(f"{self._origin} unpacks to more than {self._max:,} bytes; refused as a bomb")
        return data


def unpack(archive: Path, folder: Path, *, max_bytes: int, origin: str = "") -> None:
    """Copy train.txt, valid.txt and test.txt out of a tar (plain or gzip) or zip file into `folder`.

    They may lie anywhere in the archive; of two with the same name the one nearer to the top is taken.

    Raises:
        DataError: if a member has an absolute path, a `..` in it or is a link or a device; if the archive
            unpacks to more than `max_bytes`, has too many members, is damaged, or lacks one of the three.
    """
    origin = origin or archive.name
    try:
        with archive.open("rb") as file:
            start = file.read(4)
        if start == b"PK\x03\x04":
            found = _unpack_zip(archive, folder, max_bytes, origin)
        else:
            found = _unpack_tar(archive, folder, max_bytes, origin)
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, EOFError, NotImplementedError) as error:
        raise DataError(
            f"{origin} is not a whole tar or zip file: {str(error) or type(error).__name__}"
        ) from None
    except (ArithmeticError, LookupError, RuntimeError, ValueError, zlib.error) as error:
        raise DataError(f"{origin} is damaged: {str(error) or type(error).__name__}") from None
    missing = [f"{split}.txt" for split in SPLITS if split not in found]
    if missing:
        raise DataError(f"{origin} has no {' and no '.join(missing)}")


def _unpack_tar(archive: Path, folder: Path, max_bytes: int, origin: str) -> dict[Split, int]:
    found: dict[Split, int] = {}
    with archive.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=file)) if packed else file
        reader = _BoundedReader(stream, max_bytes, origin)
        # Read as a stream: nothing, not even a header that claims gigabytes, is read past the bound.
        with tarfile.open(fileobj=cast(IO[bytes], reader), mode="r|") as tar:
            for number, member in enumerate(tar):
                _check_member(member.name, number, origin)
                if not (member.isreg() or member.isdir()) or member.issparse():
                    raise DataError(
                        f"{origin} has {member.name!r}, which is neither a plain file nor a folder"
                    )
                split = _wanted(member.name, found) if member.isreg() else None
                if split is not None:
                    content = cast(IO[bytes], tar.extractfile(member))
                    _copy(content, folder / f"{split}.txt")
    return found


def _unpack_zip(archive: Path, folder: Path, max_bytes: int, origin: str) -> dict[Split, int]:
    found: dict[Split, int] = {}
    with zipfile.ZipFile(archive) as packed:
        left = max_bytes
        for number, member in enumerate(packed.infolist()):
            _check_member(member.filename, number, origin)
            _check_kind(member, origin)
            left -= member.file_size
            if left < 0:
                raise DataError(f"{origin} unpacks to more than {max_bytes:,} bytes; refused as a bomb")
            split = None if member.is_dir() else _wanted(member.filename, found)
            if split is not None:
                with packed.open(member) as content:
                    bounded = _BoundedReader(content, member.file_size, origin)  # the header may lie
                    _copy(cast(IO[bytes], bounded), folder / f"{split}.txt")
    return found


def _check_member(name: str, number: int, origin: str) -> None:
    if number >= MAX_MEMBERS:
        raise DataError(f"{origin} has more than {MAX_MEMBERS} members, expected three files")
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0]:
        raise DataError(f"{origin} has the member {name!r}, which would be written outside of its folder")


def _wanted(name: str, found: dict[Split, int]) -> Split | None:
    """The split a member holds, if nearer to the top than the one found before; remembers its depth."""
    path = PurePosixPath(name.replace("\\", "/"))
    for split in SPLITS:
        if path.name == f"{split}.txt" and len(path.parts) < found.get(split, sys.maxsize):
            found[split] = len(path.parts)
            return split
    return None


def _copy(content: IO[bytes], path: Path) -> None:
    with path.open("wb") as out:
        shutil.copyfileobj(content, out, CHUNK)


def _verify(path: Path, checksum: str, what: str) -> None:
    algorithm, _, expected = checksum.partition(":")
    with path.open("rb") as file:
        given = hashlib.file_digest(file, algorithm).hexdigest()
    if given != expected:
        raise DataError(
            f"{what}: the {algorithm} is {given}, expected {expected}, so this is not the published file"
        )


def _convert_line_ends(source: Path, target: Path) -> None:
    """CRLF to LF, and a line end after the last line."""
    carry, last = b"", b"\n"
    with source.open("rb") as read, target.open("wb") as write:
        while chunk := read.read(CHUNK):
            chunk = carry + chunk
            carry = b"\r" if chunk.endswith(b"\r") else b""  # its LF may open the next chunk
            chunk = chunk[: len(chunk) - len(carry)].replace(b"\r\n", b"\n")
            write.write(chunk)
            last = chunk[-1:] or last
        write.write(carry)
        if (carry or last) != b"\n":
            write.write(b"\n")


def _move(work: Path, target: Path) -> None:
    """Put a finished folder in place in one step, or its files in a folder that is there already."""
    if not target.exists():
        with suppress(OSError):  # somebody else was faster
            work.rename(target)
            return
    for split in SPLITS:
        (work / f"{split}.txt").replace(target / f"{split}.txt")
