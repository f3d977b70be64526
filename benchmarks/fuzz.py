"""Coverage-guided fuzzing of everything that reads files: each refusal has to be one of our errors.

    pip install 'kgtuner[fuzz]'
    python benchmarks/fuzz.py                       # goes on with what benchmarks/results/fuzz.json counts
    python benchmarks/fuzz.py --quick               # some hundred inputs each, nothing is kept

Readers: triples (TSV, CSV), YAML configurations and spaces, run.json, checkpoints, saved graphs, tensor files of OGB.
Atheris (libFuzzer) changes inputs and keeps those that reach new branches of ours. Each reader has a process of its
own; an input that makes it raise anything else than our errors is kept.

An input of a reader of triples is not the whole file: it replaces lines in the middle of one with 300 triples, so that
what is left can be split and what comes after reading is reached too: as bytes, or as names of which each three are a
triple. In a tensor file it is either the whole file or the structure in a valid one.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

LINES = 300
"""Triples in the files of text that inputs are put into."""

SECONDS = 5  # an input that takes longer counts as a hang
LONGEST = 1 << 16


def readers(place: Path) -> dict[str, tuple[Callable[[bytes], None], list[bytes]]]:
    """Each reader as a function of bytes, and inputs to begin with."""
    import atheris

    with atheris.instrument_imports(include=["kgtuner"]):
        import kgtuner as kt
        from kgtuner.config import TrialConfig
        from kgtuner.defaults import default_config
        from kgtuner.experiment import prepare
        from kgtuner.graph.ogb.tensor_files import read_tensor_file
        from kgtuner.parts import check
        from kgtuner.space.loading import load_space
        from kgtuner.training.checkpoint import load_checkpoint, save_checkpoint
        from kgtuner.tuning.run_folder import RunFolder
        from kgtuner.tuning.settings import TuneSettings
    import numpy as np
    import torch

    logging.disable(logging.CRITICAL)
    entity = np.arange(24)
    rows = [np.column_stack([entity, np.full(24, r), (entity + s) % 24]) for r, s in enumerate((1, 3))]
    graph = kt.KnowledgeGraph.from_arrays(np.concatenate(rows), name="ring", seed=0)
    config = default_config("distmult").updated({"model.dimension": 4})
    trainer, identity = prepare(config, graph)
    whole = place / "whole.safetensors"
    save_checkpoint(whole, trainer, identity)
    graph.save(place / "graph")
    header = (place / "graph" / "header.json").read_bytes()
    array = (place / "graph" / "train.npy").read_bytes()

    def file(name: str, data: bytes) -> Path:
        path = place / name
        path.write_bytes(data)
        return path

    def triples(name: str, between: str) -> Callable[[bytes], None]:
        lines = [
            f"e{i % 37}{between}r{i % 3}{between}e{(i * 7 + i // 37) % 37}\n".encode() for i in range(LINES)
        ]
        before, after = b"".join(lines[: LINES // 2]), b"".join(lines[LINES // 2 :])
        kt.KnowledgeGraph.from_path(file(name, before + after))  # without an input it is read

        def read(data: bytes) -> None:
            how = data[:1] or b"!"
            if how == b"!":  # the input is all that there is
                content = data[1:]
            elif how[0] % 4:  # its words are names, three a line
                words = [word.decode("utf-8", "ignore") for word in data[1:].split(b"|")]
                rows = zip(words[::3], words[1::3], words[2::3], strict=False)
                content = before + "".join(between.join(row) + "\n" for row in rows).encode() + after
            else:
                content = before + data[1:] + after
            kt.KnowledgeGraph.from_path(file(name, content))

        return read

    def configuration(data: bytes) -> None:
        check(TrialConfig.load(file("config.yaml", data)))

    def space(data: bytes) -> None:
        load_space(str(file("space.yaml", data)), ("complex",))

    def run_folder(data: bytes) -> None:
        folder = RunFolder(place / "run")
        (place / "run").mkdir(exist_ok=True)
        file("run/run.json", data)
        TuneSettings.from_mapping(folder.read("run.json").get("settings", {}))
        folder.storage  # noqa: B018

    def checkpoint(data: bytes) -> None:
        load_checkpoint(file("some.safetensors", data), trainer, identity)

    def saved_graph(data: bytes) -> None:
        split = data.find(b"\xff\xff")
        file("graph/header.json", data[:split] if split >= 0 else header)
        file("graph/train.npy", data[split + 2 :] if split >= 0 else data)
        kt.KnowledgeGraph.load(place / "graph")

    tensors = {
        "head": torch.arange(6).view(2, 3).T,
        "name": ["a", "b"],
        "count": np.int64(3),
        "a": np.arange(4),
    }
    torch.save(tensors, place / "zip.pt")
    torch.save(tensors, place / "legacy.pt", _use_new_zipfile_serialization=False)
    with zipfile.ZipFile(place / "zip.pt") as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    structure = next(name for name in members if name.endswith("data.pkl"))

    def tensor_file(data: bytes) -> None:
        if data.startswith((b"PK", b"\x80\x02\x8a")):
            read_tensor_file(file("some.pt", data))
            return
        with zipfile.ZipFile(place / "some.pt", "w") as archive:
            for name, content in members.items():
                archive.writestr(name, data if name == structure else content)
        read_tensor_file(place / "some.pt")

    asked = {"models": ["complex"], "budget": {"trials": 4}}
    settings = json.dumps({"format": 2, "kind": "tune", "settings": asked, "storage": None}).encode()
    return {
        "tsv": (
            triples("triples.tsv", "\t"),
            [
                b"#a|r|b|b|r|a|e1|r1|e2",
                b"@a\tr\tb\nb\tr\tc\n",
                b"!head\trelation\ttail\na\tr\tb\n",
                b"!\xef\xbb\xbfa\tr\tb\r\n",
                b'@"a","r","b"\n',
            ],
        ),
        "csv": (
            triples("triples.csv", ","),
            [
                b"#a|r|b|b|r|a|e1|r1|e2",
                b"!head,relation,tail\na,r,b\nb,r,a\n",
                b"@a,r,b\n",
                b'@"a""x",r,"b\nc"\n',
            ],
        ),
        "yaml configuration": (configuration, [config.to_yaml().encode(), b"a: &a [*a]\n"]),
        "yaml space": (space, [b"base: reduced\nparameters: {model.dimension: 16}\n"]),
        "run folder": (run_folder, [settings]),
        "checkpoint": (checkpoint, [whole.read_bytes()]),
        "saved graph": (saved_graph, [header + b"\xff\xff" + array]),
        "ogb tensor file": (
            tensor_file,
            [members[structure], (place / "zip.pt").read_bytes(), (place / "legacy.pt").read_bytes()],
        ),
    }


def fuzz(name: str, runs: int, told: Path) -> None:
    """Feed one reader; the process ends with the first input that breaks it."""
    import atheris

    place = Path(tempfile.mkdtemp(prefix="kgtuner-fuzz-"))
    read, seeds = readers(place)[name]
    from kgtuner.errors import KGTunerError

    seen = {"inputs": 0, "read": 0, "refused": 0}
    corpus = place / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)

    def one(data: bytes) -> None:
        seen["inputs"] += 1
        try:
            read(data)
            seen["read"] += 1
        except KGTunerError as error:
            seen["refused"] += 1
            if not str(error).strip():
                raise AssertionError("an error without a sentence") from error
        except BaseException:
            (told.parent / f"{told.stem}.input").write_bytes(data)
            raise
        if seen["inputs"] % 100 == 0 or seen["inputs"] >= runs:
            told.write_text(json.dumps(seen))

    options = [f"-runs={runs}", f"-timeout={SECONDS}", f"-max_len={LONGEST}", "-rss_limit_mb=2048", "-seed=1"]
    artifacts = f"-artifact_prefix={place}/"
    atheris.Setup(
        [sys.argv[0], *options, artifacts, "-verbosity=0", "-print_final_stats=0", str(corpus)], one
    )
    atheris.Fuzz()


NAMES = (
    "tsv", "csv", "yaml configuration", "yaml space", "run folder", "checkpoint", "saved graph", "ogb tensor file",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few inputs, nothing is kept")
    parser.add_argument("--runs", type=int, default=20_000, help="inputs of each reader")
    parser.add_argument("--only", nargs="*", choices=NAMES, default=NAMES)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--told", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        fuzz(args.one, args.runs, args.told)
        return
    from importlib.util import find_spec

    if find_spec("atheris") is None:
        print("atheris is missing: pip install 'kgtuner[fuzz]'")
        return
    from benchmarks import record

    runs = 200 if args.quick else args.runs
    path = record.RESULTS / "fuzz.json"
    figures: dict[str, Any] = json.loads(path.read_text()) if path.exists() and not args.quick else {}
    figures.pop("environment", None)
    broke = False
    for name in args.only:
        if figures.get(name, {}).get("inputs", 0) >= runs:
            continue
        with tempfile.TemporaryDirectory(prefix="kgtuner-fuzz-") as place:
            told = Path(place) / "told.json"
            command = [sys.executable, __file__, "--one", name, "--runs", str(runs), "--told", str(told)]
            process = subprocess.run(
                command, capture_output=True, text=True, env={**os.environ, "TMPDIR": place}
            )
            seen = json.loads(told.read_text()) if told.exists() else {"inputs": 0}
            crashed = process.returncode != 0
            figures[name] = {**seen, "crashes": int(crashed)}
            if crashed:
                broke = True
                given = told.parent / "told.input"
                figures[name]["input"] = repr(given.read_bytes()[:500]) if given.exists() else None
                lines = [line for line in process.stderr.splitlines() if "Error" in line or "ERROR" in line]
                figures[name]["said"] = lines[-3:]
        print(name, figures[name], flush=True)
        if not args.quick:
            record.write("fuzz", figures)
    sys.exit(broke)


if __name__ == "__main__":
    main()
