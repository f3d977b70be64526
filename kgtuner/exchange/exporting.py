"""A finished run as a folder that another library reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgtuner.exchange.embeddings import WRITERS
from kgtuner.exchange.folder import new_folder
from kgtuner.exchange.huggingface import write_huggingface
from kgtuner.exchange.libkge_folder import write_libkge
from kgtuner.exchange.markdown import bullets, in_markdown
from kgtuner.exchange.pykeen_folder import write_pykeen
from kgtuner.exchange.tables import layout_of, tables_of
from kgtuner.exchange.trained_run import TrainedRun
from kgtuner.registry import lookup

README = """\
# Embeddings of {graph} ({model})

Written by KGTuner {version}.

{layout}
"""

WORDS = "Names are percent-encoded where a space would end a word; urllib.parse.unquote gives them back."


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Attributes:
        output: the folder.
        format: a name from `FORMATS`.
        files: names in the folder, sorted.
        not_converted: a sentence for each setting that has no counterpart there.
    """

    output: Path
    format: str
    files: tuple[str, ...]
    not_converted: tuple[str, ...]

    def to_mapping(self) -> dict[str, Any]:
        return {
            "output": str(self.output),
            "format": self.format,
            "files": list(self.files),
            "not_converted": list(self.not_converted),
        }


def export_run(run: str | Path, to: str, output: str | Path) -> ExportResult:
    """Write the best model or the configuration of a run for another library.

    Args:
        run: the folder of a tuning or a training.
        to: a name from `FORMATS`.
        output: a folder that is not there yet, or is empty.

    Raises:
        ConfigError: for an unknown format, or a model that the other library does not have.
        RunError: when the run has no model, or the folder holds something or cannot be written.
    """
    write = lookup("export format", to, FORMATS)
    loaded = TrainedRun.load(run)
    with new_folder(output) as folder:
        lost = write(folder, loaded)
        files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return ExportResult(Path(output), to, tuple(files), tuple(lost))


def _embeddings(name: str) -> Callable[[Path, TrainedRun], list[str]]:
    def write(folder: Path, run: TrainedRun) -> list[str]:
        from kgtuner import __version__

        WRITERS[name](folder, tables_of(run.predictor))
        sentences = layout_of(run.predictor.model) + ([WORDS] if name == "word2vec" else [])
        readme = README.format(
            graph=in_markdown(run.predictor.graph.name),
            model=run.config.model.name,
            version=__version__,
            layout=bullets(sentences, "A row is the vector of one entity or relation."),
        )
        (folder / "README.md").write_text(readme, encoding="utf-8")
        return []

    return write


FORMATS: dict[str, Callable[[Path, TrainedRun], list[str]]] = {
    "pykeen": write_pykeen,
    "libkge": write_libkge,
    "huggingface": write_huggingface,
    **{name: _embeddings(name) for name in WRITERS},
}
