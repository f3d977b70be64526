"""`--to libkge`: a job's YAML, and the graph as one of LibKGE's data sets."""

from __future__ import annotations

from pathlib import Path

import yaml

from kgtuner.exchange.markdown import bullets, in_markdown
from kgtuner.exchange.names import encoded
from kgtuner.exchange.to_libkge import libkge_options
from kgtuner.exchange.trained_run import TrainedRun
from kgtuner.types import SPLITS

DATASET = "graph"

README = """\
# {graph}: {model} for LibKGE

Written by KGTuner {version} from LibKGE's documented settings. It was not run with LibKGE, which is not on PyPI.

- `config.yaml`: the training job. Put the folder `{dataset}` into LibKGE's `data/`, then: `kge start config.yaml`
- `{dataset}/`: the graph in LibKGE's form, triples by number. Names in it are percent-encoded where they would
  break a line; `urllib.parse.unquote` gives them back.

## What has no counterpart in LibKGE

{lost}
"""


def write_libkge(folder: Path, run: TrainedRun) -> list[str]:
    """Fill the folder; returns a sentence for each thing that has no counterpart."""
    from kgtuner import __version__

    options, lost = libkge_options(
        run.config, run.predictor.model, run.sizes(), dataset=DATASET, seed=run.seed
    )
    text = yaml.safe_dump(options, sort_keys=False)
    (folder / "config.yaml").write_text(f"# kge start config.yaml\n{text}", encoding="utf-8")
    _write_graph(folder / DATASET, run)
    readme = README.format(
        graph=in_markdown(run.predictor.graph.name),
        model=run.config.model.name,
        version=__version__,
        dataset=DATASET,
        lost=bullets(lost, "Nothing that KGTuner knows of."),
    )
    (folder / "README.md").write_text(readme, encoding="utf-8")
    return list(lost)


def _write_graph(folder: Path, run: TrainedRun) -> None:
    graph = run.predictor.graph
    folder.mkdir()
    files: dict[str, dict[str, object]] = {}
    for split in SPLITS:
        triples = graph.split(split)
        lines = "".join(f"{h}\t{r}\t{t}\n" for h, r, t in triples.tolist())
        (folder / f"{split}.del").write_text(lines, encoding="utf-8")
        files[split] = {"filename": f"{split}.del", "type": "triples", "size": len(triples)}
    for kind, names in (("entity", graph.entities), ("relation", graph.relations)):
        lines = "".join(f"{i}\t{encoded(name, spaces=True)}\n" for i, name in enumerate(names))
        (folder / f"{kind}_ids.del").write_text(lines, encoding="utf-8")
        files[f"{kind}_ids"] = {"filename": f"{kind}_ids.del", "type": "map"}
    about = {
        "dataset": {
            "name": DATASET,
            "num_entities": graph.n_entities,
            "num_relations": graph.n_relations,
            "files": files,
        }
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(about, sort_keys=False), encoding="utf-8")
