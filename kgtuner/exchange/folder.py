"""A new folder that appears with all of its files or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kgtuner.errors import RunError
from kgtuner.files import reason


@contextmanager
def new_folder(output: str | Path) -> Iterator[Path]:
    """A folder to write in, which takes the place of `output` in the end; an empty one may be there already.

    Raises:
        RunError: when `output` holds something, or cannot be written.
    """
    target = Path(output)
    if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())):
        raise RunError(f"{output} is there already; choose another --output, or remove it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
    except OSError as error:
        raise RunError(f"cannot make the folder {output}: {reason(error)}") from None
    try:
        yield workplace
        workplace.chmod(0o777 & ~_mask())
        os.replace(workplace, target)
    except OSError as error:
        raise RunError(f"cannot write {output}: {reason(error)}") from None
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _mask() -> int:
    """The permissions that the user takes from new files; the system tells them only while setting them."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
