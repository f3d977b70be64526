"""Files that are there as a whole or not at all, and full disks told in one sentence."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kgtuner.errors import RunError

WRITING = "writing-"
"""How the name of a folder begins in which a library writes a file before it takes its place."""

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A file beside `target` to write to; in the end it takes the target's place in one step.

    It and its folder are on disk before this returns, so a power cut leaves the old file or the new one.

    Raises:
        RunError: when it cannot be written, as on a full disk; the old file is kept.
    """
    partial = target.with_name(target.name + ".partial")
    try:
        yield partial
        _sync(partial)
        os.replace(partial, target)
        with suppress(OSError):  # the file is in its place; not every file system can sync a folder
            _sync(target.parent)
    except OSError as error:
        raise _unwritable(target, error) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


@contextmanager
def full_disk_told(place: Path) -> Iterator[None]:
    """Turn the errors of a full disk, a quota or a limit of file size into one sentence; others pass.

    Raises:
        RunError: for those.
    """
    try:
        yield
    except OSError as error:
        if not is_no_space(error):
            raise
        raise _unwritable(place, error) from None


def is_no_space(error: OSError) -> bool:
    """Whether a disk is to blame; NumPy reports a write cut short without an error number."""
    return error.errno in NO_SPACE or (error.errno is None and "requested and" in str(error))


def reason(error: OSError) -> str:
    """What the system says about a write that failed."""
    if error.errno is None and is_no_space(error):
        return os.strerror(errno.ENOSPC)
    return error.strerror or str(error)


def _unwritable(path: Path, error: OSError) -> RunError:
    advice = "; free some space and resume" if is_no_space(error) else ""
    return RunError(f"cannot write {path}: {reason(error)}{advice}")


def _sync(path: Path) -> None:
    """Wait until the system has brought a file, or the names in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
