"""`--to huggingface`: parameters, configuration and a model card, and reading such a folder back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors import SafetensorError, safe_open

from kgtuner.config import MAX_YAML_BYTES, TrialConfig
from kgtuner.errors import ConfigError, RunError
from kgtuner.evaluation.evaluator import evaluate_split
from kgtuner.exchange.markdown import in_markdown
from kgtuner.exchange.names import decoded, encoded
from kgtuner.exchange.trained_run import TrainedRun
from kgtuner.graph.catalog import DATASETS, DatasetCard, dataset_card
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.parts import build_model, check
from kgtuner.prediction import LinkPredictor
from kgtuner.report.text import printable
from kgtuner.training.parameters import load_parameters, save_parameters

FORMAT = 1
MEASURED = {"mrr": "MRR", "hits_at_1": "Hits@1", "hits_at_3": "Hits@3", "hits_at_10": "Hits@10"}

HUB_LICENCES = {
    "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-sa-4.0",
    "cc-by-nc-nd-4.0", "gpl-2.0", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mit", "mpl-2.0", "odbl", "odc-by", "pddl",
    "unlicense",
}  # fmt: skip
"""Identifiers that the Hub knows, of licences that data sets have."""

CARD = """\
# {model} on {graph}

Embeddings of {entities:,} entities and {relations:,} relations, trained by KGTuner {version}{how}. Given two parts of
a triple (head, relation, tail) the model ranks all entities for the third.

## Metrics

On the {queries:,} test queries, both directions, against all entities; other known triples are left out (filtered)
and ties share their mean rank (realistic).

| {titles} |
|{rule}|
| {figures} |

## How to load

```python
from kgtuner.exchange.huggingface import load_exported

model = load_exported(".")
print(model.predict_tails({head}, {relation}, k=5))
```

The facts are not in this folder, so answers that stand in the graph are not left out. Without KGTuner:
`safetensors.torch.load_file("model.safetensors")` gives the tables `entities` and `relations`, whose rows are named by
`entities.tsv` and `relations.tsv` (percent-encoded where a name would break a line).
{layout}

## Training data and its licence

{data}

## Configuration

```yaml
{config}```
"""


def write_huggingface(folder: Path, run: TrainedRun) -> list[str]:
    """Fill the folder; nothing is lost."""
    from kgtuner import __version__
    from kgtuner.exchange.tables import layout_of

    model, graph = run.predictor.model, run.predictor.graph
    save_parameters(model, folder / "model.safetensors", graph.fingerprint)
    metrics = _metrics(run)
    about = {
        "format": FORMAT,
        "library_name": "kgtuner",
        "kgtuner_version": __version__,
        "graph": graph.name,
        "graph_fingerprint": graph.fingerprint,
        "n_entities": graph.n_entities,
        "n_relations": graph.n_relations,
        "configuration": run.config.to_mapping(),
        "seed": run.seed,
        "test": metrics,
    }
    (folder / "config.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    for kind, names in (("entities", graph.entities), ("relations", graph.relations)):
        with open(folder / f"{kind}.tsv", "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{i}\t{encoded(name, spaces=True)}\n" for i, name in enumerate(names))
    measured = {name: title for name, title in MEASURED.items() if math.isfinite(metrics[name])}
    h, r, _ = (int(i) for i in graph.train[0])
    body = CARD.format(
        model=run.config.model.name,
        graph=in_markdown(graph.name),
        entities=graph.n_entities,
        relations=graph.n_relations,
        version=__version__,
        how=" after a hyper-parameter search" if run.record.get("kind") == "tune" else "",
        queries=metrics["count"],
        titles=" | ".join(measured.values()),
        rule="|".join("---" for _ in measured),
        figures=" | ".join(f"{metrics[name]:.4f}" for name in measured),
        head=_literal(graph.entities[h]),
        relation=_literal(graph.relations[r]),
        layout="\n".join(layout_of(model, as_trained=True)),
        data=_data(card_of(graph), graph),
        config=run.config.to_yaml(),
    )
    header = yaml.safe_dump(_header(run, metrics, measured), sort_keys=False, width=10_000)
    (folder / "README.md").write_text(f"---\n{header}---\n\n{body}", encoding="utf-8")
    return []


def load_exported(folder: str | Path) -> LinkPredictor:
    """The model of a folder that `write_huggingface` wrote. Its graph has the names, but no facts.

    Raises:
        RunError: when the folder is not such a one, or is damaged.
    """
    folder = Path(folder)
    about = _read_about(folder / "config.json")
    try:
        config = TrialConfig.from_mapping(about["configuration"])
        check(config)
        fingerprint, name = str(about["graph_fingerprint"]), str(about["graph"])
        entities, relations = (_read_names(folder / f"{kind}.tsv") for kind in ("entities", "relations"))
        if (len(entities), len(relations)) != (about["n_entities"], about["n_relations"]):
            raise RunError(f"{folder} is damaged: its names are not as many as config.json says")
    except (KeyError, TypeError, ConfigError) as error:
        raise RunError(f"{folder / 'config.json'} is damaged ({error}); export the run again") from None
    _require_shapes(config, len(entities), len(relations), folder / "model.safetensors")
    model = build_model(config.model, len(entities), len(relations))
    load_parameters(model, folder / "model.safetensors", fingerprint)
    nothing = np.empty((0, 3), dtype=np.int64)
    return LinkPredictor(model.eval(), KnowledgeGraph(name, entities, relations, nothing, nothing, nothing))


def _require_shapes(config: TrialConfig, n_entities: int, n_relations: int, path: Path) -> None:
    """Refuse a configuration that is not the file's before memory of its size is asked for."""
    try:
        with safe_open(path, framework="pt") as file:
            stored = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise RunError(f"cannot read the model {path}: {error}; export the run again") from None
    try:
        with torch.device("meta"):
            model = build_model(config.model, n_entities, n_relations)
        wanted = {name: list(value.shape) for name, value in model.state_dict().items()}
    except RuntimeError:  # more numbers than torch can count
        wanted = {}
    if stored != wanted:
        raise RunError(f"{path} does not fit the configuration in config.json; export the run again")


def card_of(graph: KnowledgeGraph) -> DatasetCard | None:
    """The card of a data set that KGTuner knows, if the graph has its name and its size."""
    if graph.name not in DATASETS:
        return None
    card = dataset_card(graph.name)
    ours = (graph.n_entities, graph.n_relations, len(graph.train), len(graph.valid), len(graph.test))
    counts = card.counts
    theirs = (counts.entities, counts.relations, counts.train, counts.valid, counts.test)
    return card if ours == theirs else None


def _literal(name: str) -> str:
    """A name as a Python string that cannot end the block of code it stands in."""
    return repr(str(name)).replace("`", "\\x60")


def _metrics(run: TrainedRun) -> dict[str, Any]:
    """The overall metrics on test, taken from the run or measured now."""
    test = run.results.get("test")
    if (
        isinstance(test, dict)
        and isinstance(test.get("overall"), dict)
        and set(MEASURED) <= set(test["overall"])
    ):
        return dict(test["overall"])
    return evaluate_split(run.predictor.model, run.predictor.graph, "test").overall.to_mapping()


def _data(card: DatasetCard | None, graph: KnowledgeGraph) -> str:
    size = f"{len(graph.train):,} training, {len(graph.valid):,} validation and {len(graph.test):,} test triples."
    if card is None:
        return (
            f"{in_markdown(graph.name)}: {size} KGTuner does not know the licence of this graph: "
            "say here where it is from and what it may be used for."
        )
    lines = [f"{card.title}: {size} {in_markdown(card.description)}", f"Source: {in_markdown(card.citation)}"]
    lines.append(
        f"Licence of the data: {in_markdown(card.licence)}"
        + (f" ({card.licence_url})" if card.licence_url else "")
    )
    if card.licence_terms:
        lines.append(in_markdown(card.licence_terms))
    return "\n\n".join(lines)


def licence_fields(card: DatasetCard | None) -> dict[str, str]:
    """The licence of the data as the Hub's model cards name it; what it has no name for is "other".

    Source: https://huggingface.co/docs/hub/repositories-licenses
    """
    if card is None:
        return {"license": "unknown"}
    stated = card.licence.partition(",")[0].lower().replace(" ", "-")
    if stated in HUB_LICENCES:
        return {"license": stated}
    link = {"license_link": card.licence_url} if card.licence_url else {}
    return {"license": "other", "license_name": printable(card.licence), **link}


def _header(run: TrainedRun, metrics: dict[str, Any], measured: dict[str, str]) -> dict[str, Any]:
    name = printable(run.predictor.graph.name)  # one line, whatever it is
    card = card_of(run.predictor.graph)
    terms = {"args": {"licence": printable(card.licence)}} if card else {}
    result = {
        "task": {"type": "link-prediction", "name": "Link prediction"},
        "dataset": {"name": name, "type": name, "split": "test", **terms},
        "metrics": [
            {"type": key, "name": f"{title} (filtered, realistic)", "value": round(float(metrics[key]), 6)}
            for key, title in measured.items()
        ],
    }
    return {
        "library_name": "kgtuner",
        **licence_fields(card),
        "tags": ["knowledge-graph-embedding", "link-prediction", run.config.model.name],
        "model-index": [{"name": f"{run.config.model.name}-{name}", "results": [result]}],
    }


def _read_about(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_YAML_BYTES:
            raise RunError(f"{path} is too large for the config.json of an exported model")
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path.parent} is not an exported model: config.json is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged ({error}); export the run again") from None
    if not isinstance(about, dict) or about.get("format") != FORMAT or about.get("library_name") != "kgtuner":
        raise RunError(f"{path} was not written by this version of KGTuner; export the run again")
    return about


def _read_names(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"cannot read {path}: {error}; export the run again") from None
    return tuple(decoded(line.partition("\t")[2]) for line in lines)
