from __future__ import annotations

import gzip
import hashlib
import io
import socket
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kgtuner.errors import DataError
from kgtuner.graph import download
from kgtuner.graph.download import Source, fetch, fetch_folder, unpack, unpack_folder

FILES = {"train.txt": b"a\tr\tb\r\nb\tr\tc\r\n", "valid.txt": b"a\tr\tc\n", "test.txt": b"c\tr\ta"}
CONVERTED = {"train.txt": b"a\tr\tb\nb\tr\tc\n", "valid.txt": b"a\tr\tc\n", "test.txt": b"c\tr\ta\n"}
MAX_BYTES = 100_000


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def nowhere() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def tar_of(files: dict[str, bytes], *extra: tarfile.TarInfo, mode: str = "w:gz") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as tar:  # type: ignore[call-overload]
        for member in extra:
            tar.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def get(
    target: Path, *sources: Source, files: dict[str, str] | None = None, max_bytes: int = MAX_BYTES
) -> dict[str, bytes]:
    fetch("toy", sources, target, files=files or {}, max_bytes=max_bytes)  # type: ignore[arg-type]
    return {path.name: path.read_bytes() for path in target.iterdir()}


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "archive",
    [
        tar_of(FILES),
        tar_of(FILES, mode="w"),
        tar_of({f"./WN18RR/text/{name}": content for name, content in FILES.items()}),
        zip_of({f"Release/{name}": content for name, content in FILES.items()}),
    ],
    ids=["tar.gz", "tar", "tar.gz with folders", "zip"],
)
def test_archive_becomes_three_files_with_lf_line_ends(
    archive: bytes, site: Path, address: str, tmp_path: Path
) -> None:
    (site / "toy.archive").write_bytes(archive)
    target = tmp_path / "cache" / "toy"
    assert get(target, Source(archive=f"{address}/toy.archive")) == CONVERTED
    assert everything_below(tmp_path / "cache") == ["toy", "toy/test.txt", "toy/train.txt", "toy/valid.txt"]


def test_folder_of_files_is_downloaded(site: Path, address: str, tmp_path: Path) -> None:
    for name, content in FILES.items():
        (site / name).write_bytes(content)
    assert get(tmp_path / "toy", Source(folder=address)) == CONVERTED


def test_nearer_of_two_members_with_a_name_is_taken(tmp_path: Path) -> None:
    other = {f"old/{name}": b"x\ty\tz\n" for name in FILES}
    for files in ({**other, **FILES}, {**FILES, **other}):
        (tmp_path / "archive").write_bytes(tar_of(files))
        unpack(tmp_path / "archive", tmp_path, max_bytes=MAX_BYTES)
        assert {name: (tmp_path / name).read_bytes() for name in FILES} == FILES


def test_line_ends_are_found_across_the_border_of_two_chunks(
    site: Path, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "CHUNK", 1)
    (site / "toy.tar.gz").write_bytes(tar_of({**FILES, "test.txt": b"a\rb\tr\tc\r\n\r"}))
    assert get(tmp_path / "toy", Source(archive=f"{address}/toy.tar.gz")) == {
        **CONVERTED,
        "test.txt": b"a\rb\tr\tc\n\r\n",
    }


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (tar_of({**FILES, "../evil.txt": b"x"}), r"'\.\./evil\.txt', which would be written outside"),
        (tar_of({**FILES, "a/../../evil.txt": b"x"}), "would be written outside"),
        (tar_of({**FILES, "/tmp/evil.txt": b"x"}), "'/tmp/evil.txt', which would be written outside"),
        (tar_of({**FILES, "..\\evil.txt": b"x"}), "would be written outside"),
        (tar_of({**FILES, "C:/evil.txt": b"x"}), "would be written outside"),
        (
            tar_of(FILES, link("train.txt", "/etc/passwd")),
            "'train.txt', which is neither a plain file nor a folder",
        ),
        (tar_of(FILES, link("other", "../..")), "neither a plain file nor a folder"),
        (
            tar_of(FILES, link("train.txt", "/etc/passwd", tarfile.LNKTYPE)),
            "neither a plain file nor a folder",
        ),
        (tar_of(FILES, link("pipe", "", tarfile.FIFOTYPE)), "neither a plain file nor a folder"),
        (tar_of({**FILES, "bomb": bytes(10 * MAX_BYTES)}), "unpacks to more than 100,000 bytes"),
        (tar_of({**FILES, "train.txt": bytes(10 * MAX_BYTES)}), "unpacks to more than 100,000 bytes"),
        (zip_of({**FILES, "../evil.txt": b"x"}), "would be written outside"),
        (zip_of({**FILES, "/evil.txt": b"x"}), "would be written outside"),
        (zip_of({**FILES, "bomb": bytes(10 * MAX_BYTES)}), "unpacks to more than 100,000 bytes"),
        (tar_of({name: FILES[name] for name in ("train.txt", "test.txt")}), r"has no valid\.txt"),
        (tar_of(FILES)[:-40], "not a whole tar or zip file|damaged"),
        (zip_of(FILES)[:-40], "not a whole tar or zip file"),
        (b"<html>Not found</html>", "not a whole tar or zip file"),
        (gzip.compress(b"a\tr\tb\n"), "not a whole tar or zip file"),
        (b"", "not a whole tar or zip file"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else type(value).__name__,
)
def test_hostile_or_broken_archive_is_refused_and_leaves_nothing(
    archive: bytes, message: str, site: Path, address: str, tmp_path: Path
) -> None:
    (site / "toy.archive").write_bytes(archive)
    cache = tmp_path / "a" / "b" / "cache"
    with pytest.raises(DataError, match=message) as caught:
        get(cache / "toy", Source(archive=f"{address}/toy.archive"), max_bytes=MAX_BYTES)
    assert "\n" not in str(caught.value)
    assert everything_below(tmp_path / "a") == ["b", "b/cache"]
    assert not list(tmp_path.rglob("evil*"))


def test_archive_with_too_many_members_is_refused(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tar_of({f"{i}": b"" for i in range(1_001)}))
    with pytest.raises(DataError, match="has more than 1000 members"):
        unpack(tmp_path / "archive", tmp_path, max_bytes=10 * MAX_BYTES)


def test_symlink_in_a_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    with zipfile.ZipFile(path, "w") as archive:
        member = zipfile.ZipInfo("train.txt")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(DataError, match="neither a plain file nor a folder"):
        unpack(path, tmp_path, max_bytes=MAX_BYTES)
    assert everything_below(tmp_path) == ["archive"]


def test_header_that_claims_gigabytes_is_not_read_into_memory(tmp_path: Path) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 4 << 30
    (tmp_path / "archive").write_bytes(
        gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(50 * MAX_BYTES))
    )
    with pytest.raises(DataError, match="unpacks to more than"):
        unpack(tmp_path / "archive", tmp_path, max_bytes=MAX_BYTES)


def test_zip_whose_directory_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    content = bytes(10 * MAX_BYTES)
    honest = zip_of({**FILES, "train.txt": content})
    lying = honest.replace(len(content).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    (tmp_path / "archive").write_bytes(lying)
    with pytest.raises(DataError):
        unpack(tmp_path / "archive", tmp_path, max_bytes=MAX_BYTES)
    assert not (tmp_path / "train.txt").exists() or (tmp_path / "train.txt").stat().st_size < MAX_BYTES


def test_download_larger_than_it_may_be_is_ended(site: Path, address: str, tmp_path: Path) -> None:
    (site / "train.txt").write_bytes(bytes(2 * MAX_BYTES))
    with pytest.raises(DataError, match=r"train\.txt: expected at most 100,000 bytes, got more"):
        get(tmp_path / "cache" / "toy", Source(folder=address))
    assert everything_below(tmp_path / "cache") == []


def test_wrong_checksum_of_the_archive_is_refused(site: Path, address: str, tmp_path: Path) -> None:
    (site / "toy.tar.gz").write_bytes(tar_of(FILES))
    source = Source(archive=f"{address}/toy.tar.gz", checksum="sha256:" + "0" * 64)
    with pytest.raises(DataError, match=r"the checksum is not sha256:0+, so this is not the published file"):
        get(tmp_path / "cache" / "toy", source)
    assert everything_below(tmp_path / "cache") == []


def test_wrong_checksum_of_a_file_is_refused(site: Path, address: str, tmp_path: Path) -> None:
    (site / "toy.tar.gz").write_bytes(tar_of(FILES))
    published = hashlib.md5(FILES["train.txt"]).hexdigest()
    source = Source(
        archive=f"{address}/toy.tar.gz", members={"train": f"md5:{published}", "test": "md5:" + "0" * 32}
    )
    with pytest.raises(DataError, match=r"test\.txt from .*: the md5 is [0-9a-f]{32}, expected 0{32}"):
        get(tmp_path / "toy", source)


def test_checksums_of_published_and_of_converted_files_are_two_things(
    site: Path, address: str, tmp_path: Path
) -> None:
    packed = tar_of(FILES)
    (site / "toy.tar.gz").write_bytes(packed)
    source = Source(
        archive=f"{address}/toy.tar.gz",
        checksum=f"sha256:{hashlib.sha256(packed).hexdigest()}",
        members={"train": f"md5:{hashlib.md5(FILES['train.txt']).hexdigest()}"},
    )
    converted = {"train": f"sha256:{hashlib.sha256(CONVERTED['train.txt']).hexdigest()}"}
    assert get(tmp_path / "one", source, files=converted) == CONVERTED
    as_published = {"train": f"sha256:{hashlib.sha256(FILES['train.txt']).hexdigest()}"}
    with pytest.raises(DataError, match=r"train\.txt from .* the sha256 is"):
        get(tmp_path / "two", source, files=as_published)


def test_next_address_is_tried_when_one_fails(site: Path, address: str, nowhere: str, tmp_path: Path) -> None:
    (site / "toy.tar.gz").write_bytes(tar_of(FILES))
    (site / "evil.tar.gz").write_bytes(tar_of({"../x": b""}))
    addresses = [
        f"{nowhere}/toy.tar.gz",
        f"{address}/missing.tar.gz",
        f"{address}/evil.tar.gz",
        f"{address}/toy.tar.gz",
    ]
    assert get(tmp_path / "toy", *(Source(archive=archive) for archive in addresses)) == CONVERTED


def test_every_failed_address_is_explained(site: Path, address: str, nowhere: str, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"no answer from 127\.0\.0\.1:\d+; .*/missing\.zip: the server answers 404$"
    ):
        get(tmp_path / "toy", Source(folder=nowhere), Source(archive=f"{address}/missing.zip"))
    assert not (tmp_path / "toy").exists()


def test_no_network_is_known_within_seconds(nowhere: str, tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(DataError, match=r"^no answer from 127\.0\.0\.1:\d+$"):
        get(tmp_path / "toy", Source(folder=nowhere), Source(archive=f"{nowhere}/toy.zip"))
    assert time.monotonic() - start < 5


def test_server_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "READ_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/toy.zip"
        with pytest.raises(DataError, match="no answer"):
            get(tmp_path / "toy", Source(archive=url))


def test_files_already_put_there_by_hand_are_completed(site: Path, address: str, tmp_path: Path) -> None:
    (site / "toy.tar.gz").write_bytes(tar_of(FILES))
    target = tmp_path / "toy"
    target.mkdir()
    (target / "notes.md").write_text("mine")
    assert get(target, Source(archive=f"{address}/toy.tar.gz")) == {**CONVERTED, "notes.md": b"mine"}


def test_unwritable_cache_is_one_sentence(address: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match=r"cannot write toy to .*file/toy: "):
        get(tmp_path / "file" / "toy", Source(folder=address))


def test_bar_is_drawn_on_request_only(
    site: Path, address: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (site / "toy.tar.gz").write_bytes(tar_of(FILES))
    source = Source(archive=f"{address}/toy.tar.gz")
    fetch("toy", (source,), tmp_path / "one", files={}, max_bytes=MAX_BYTES)
    assert capfd.readouterr() == ("", "")
    fetch("toy", (source,), tmp_path / "two", files={}, max_bytes=MAX_BYTES, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "100%" in err


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_zip_of_one_folder_becomes_that_folder(site: Path, address: str, tmp_path: Path) -> None:
    zipped(site / "set.zip", {"set/": b"", "set/a.txt": b"1", "set/split/time/train.pt": b"2"})
    target = tmp_path / "cache" / "ogbl_set"
    fetch_folder("set", Source(archive=f"{address}/set.zip"), target, max_bytes=MAX_BYTES)
    assert (target / "a.txt").read_bytes() == b"1"
    assert (target / "split" / "time" / "train.pt").read_bytes() == b"2"
    assert [path.name for path in target.parent.iterdir()] == ["ogbl_set"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"set/a": b"1", "other/b": b"2"}, "has other and set at its top, expected one folder"),
        ({"set/../../b": b"2"}, "would be written outside of its folder"),
        ({"/etc/passwd": b"2"}, "would be written outside of its folder"),
        ({"set/a": bytes(MAX_BYTES + 1)}, "unpacks to more than 100,000 bytes; refused as a bomb"),
    ],
)
def test_a_hostile_zip_of_a_folder_is_refused_and_leaves_nothing(
    members: dict[str, bytes], message: str, tmp_path: Path
) -> None:
    packed = zipped(tmp_path / "set.zip", members)
    with pytest.raises(DataError, match=message):
        unpack_folder(packed, tmp_path / "out", max_bytes=MAX_BYTES, origin="set.zip")
    assert not (tmp_path.parent / "b").exists()
