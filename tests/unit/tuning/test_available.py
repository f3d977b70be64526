from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from kgtuner.errors import ConfigError
from kgtuner.tuning.available import available_bytes, container_room, size_in_bytes


def container(folder: Path, limit: str, used: int, cached: int) -> Path:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\nactive_file 7\n")
    return folder


def test_the_least_of_machine_container_and_user_counts(tmp_path: Path) -> None:
    free = psutil.virtual_memory().available
    room = container(tmp_path, "3000", 2000, 500)
    assert available_bytes({}, room) == 1500  # files that are cached can be dropped
    assert available_bytes({"KGTUNER_MEMORY": "1K"}, room) == 1000
    assert available_bytes({}, tmp_path / "absent") == pytest.approx(free, rel=0.5)


def test_what_runs_is_a_part_of_what_the_user_allows(tmp_path: Path) -> None:
    room = container(tmp_path, "3000", 2000, 500)  # 1500 are free: what runs holds its 400 already
    assert available_bytes({"KGTUNER_MEMORY": "1K"}, room, planned=400) == 600
    assert available_bytes({"KGTUNER_MEMORY": "2K"}, room, yet_to_take=300, planned=700) == 1200
    assert available_bytes({"KGTUNER_MEMORY": "9K"}, room, yet_to_take=-400) == 1900
    assert available_bytes({"KGTUNER_MEMORY": "1K"}, room, planned=1100) == 0


def test_without_a_limit_a_container_says_nothing(tmp_path: Path) -> None:
    assert container_room(container(tmp_path, "max", 1, 1)) is None


@pytest.mark.parametrize(
    ("text", "size"), [("16GB", 16e9), ("500M", 5e8), ("1.5 gib", 1.5e9), ("2048", 2048.0), ("1T", 1e12)]
)
def test_sizes_are_read(text: str, size: float) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["much", "-1G", "0", "16 G B", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="KGTUNER_MEMORY must be a size such as 16GB or 500M"):
        size_in_bytes(text)
