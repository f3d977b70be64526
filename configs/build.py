"""Write configs/<data set>/<model>.yaml from the published results in published.json.

    python configs/build.py

`render` is the whole content of one file; a test compares every file with it.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from kgtuner.space.paper import MODELS, from_published

HERE = Path(__file__).parent
PAPER = "ACL 2022, arXiv 2205.02460"
MAX_STEPS = {"wn18rr": 100_000, "fb15k-237": 100_000, "ogbl-biokg": 200_000, "ogbl-wikikg2": 400_000}
PROTOCOL = {"validate_every": 2500, "patience": 5, "halve_learning_rate_after": 3}
FIGURES = {
    "test_mrr": "test MRR",
    "test_hits_at_1": "Hits@1",
    "test_hits_at_3": "Hits@3",
    "test_hits_at_10": "Hits@10",
    "valid_mrr": "validation MRR",
}
STRUCTURE = (
    "The block structure is the one AutoSF found for this graph, which the published code uses; the code leaves "
    "it as it is for the inverse of a relation, where we transpose it."
)
OTHER_SIZE = (
    "The {published:,} parameters published for this row are those of inverse relations that share "
    "their embedding, but the published configuration says independent."
)


def published_rows() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Data set, the paper's model name, and the row: `published` figures and `configuration`."""
    rows = json.loads((HERE / "published.json").read_text(encoding="utf-8"))["datasets"]
    for dataset, models in rows.items():
        for model, row in models.items():
            yield dataset, model, row


def target(dataset: str, model: str) -> Path:
    """The file of a row."""
    return HERE / dataset / f"{MODELS[model]}.yaml"


def settings(dataset: str, model: str, configuration: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A published configuration in our names, with what the published code did without a setting."""
    nested = from_published(model, configuration)
    if "negatives" in nested and (configuration["loss"] == "CE" or dataset == "ogbl-wikikg2"):
        nested["negatives"]["filtered"] = False
    if model == "ConvE":
        nested["model"]["entity_bias"] = False
    if model == "TuckER":
        nested["model"]["query_norm"] = True
    if model == "AutoSF":
        nested["model"]["structure"] = dataset
    nested["training"] |= {"max_steps": MAX_STEPS[dataset], **PROTOCOL}
    return {section: _sorted(options) for section, options in nested.items()}


def _sorted(options: Mapping[str, Any]) -> dict[str, Any]:
    """With what a reader looks for first in front."""
    first = [key for key in ("name", "dimension", "mode", "batch_size") if key in options]
    return {key: options[key] for key in [*first, *(key for key in options if key not in first)]}


def render(dataset: str, model: str, row: Mapping[str, Any]) -> str:
    """The text of a row's file."""
    figures, configuration = row["published"], row["configuration"]
    path = f"configs/{dataset}/{MODELS[model]}.yaml"
    ogb = dataset.startswith("ogbl")
    digits, how = (4, "in the benchmark's own ranking, ") if ogb else (3, "filtered ")
    results = ", ".join(
        f"{words} {figures[key]:.{digits}f}" for key, words in FIGURES.items() if key in figures
    )
    notes = ["Not trained to its end here, so there is no figure of our own beside it."]
    if model == "AutoSF":
        notes.append(STRUCTURE)
        if not configuration["share_inverse_relation"]:
            notes.append(OTHER_SIZE.format(published=figures["num_parameters"]))
    notes.append("Made by configs/build.py from configs/published.json.")
    header = [
        f"# kgtuner train {dataset} --config {path} --seed 0",
        f"# Published ({PAPER}): {how}{results}.",
    ]
    for note in notes:
        header += textwrap.wrap(
            note, 100, initial_indent="# ", subsequent_indent="# ", break_long_words=False
        )
    body = {"dataset": dataset, **settings(dataset, model, configuration)}
    return (
        "\n".join(header) + "\n" + yaml.safe_dump(body, sort_keys=False, default_flow_style=None, width=100)
    )


def main() -> None:
    for dataset, model, row in published_rows():
        path = target(dataset, model)
        path.parent.mkdir(exist_ok=True)
        path.write_text(render(dataset, model, row), encoding="utf-8")


if __name__ == "__main__":
    main()
