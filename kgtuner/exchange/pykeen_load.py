"""The trained model in PyKEEN: `python load.py` ranks the test triples with it.

    from load import load
    model, triples = load(".")    # a pykeen.models.ERModel, and a TriplesFactory for each split

The numbers lie in weights.safetensors, in PyKEEN's layout; nothing is unpickled. This file needs pykeen,
torch and safetensors, and nothing of KGTuner. Names are percent-encoded where they would break a line:
`urllib.parse.unquote` gives them back.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open


def load(folder: str | Path = ".") -> tuple[Any, dict[str, Any]]:
    """The model in evaluation mode, and the triples of train, valid and test with the ids it was trained with."""
    from pykeen.models import ERModel
    from pykeen.triples import TriplesFactory

    folder = Path(folder)
    with safe_open(folder / "weights.safetensors", framework="pt") as file:
        about = json.loads(file.metadata()["pykeen"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    ids = {kind: _ids(folder / f"{kind}.tsv") for kind in ("entities", "relations")}
    triples = {
        split: TriplesFactory.from_path(
            folder / f"{split}.tsv",
            entity_to_id=ids["entities"],
            relation_to_id=ids["relations"],
            create_inverse_triples=about["create_inverse_triples"] and split == "train",
        )
        for split in ("train", "valid", "test")
    }
    interaction, options = about["interaction"], about["interaction_kwargs"]
    if "coefficients" in options:  # of AutoSF
        options["coefficients"] = [tuple(block) for block in options["coefficients"]]
    if interaction == "RotatE":
        interaction, options = sum_of_moduli()(), None
    model = ERModel(
        triples_factory=triples["train"],
        interaction=interaction,
        interaction_kwargs=options,
        entity_representations_kwargs=_representations("entities", about, tensors),
        relation_representations_kwargs=_representations("relations", about, tensors),
        random_seed=0,
    )
    inner = {n.removeprefix("interaction."): v for n, v in tensors.items() if n.startswith("interaction.")}
    if inner:
        model.interaction.load_state_dict(inner)
    return model.eval(), triples


def evaluate(folder: str | Path = ".", split: str = "test") -> dict[str, float]:
    """Filtered metrics over both sides, a tie at its mean rank, as KGTuner measures them."""
    from pykeen.evaluation import RankBasedEvaluator

    model, triples = load(folder)
    others = [f.mapped_triples for name, f in triples.items() if name != split]
    result = RankBasedEvaluator(filtered=True).evaluate(
        model,
        triples[split].mapped_triples,
        batch_size=64,
        device=torch.device("cpu"),
        use_tqdm=False,
        additional_filter_triples=others,
    )
    names = {"mrr": "inverse_harmonic_mean_rank", "hits_at_1": "hits_at_1", "hits_at_10": "hits_at_10"}
    return {ours: result.get_metric(f"both.realistic.{theirs}") for ours, theirs in names.items()}


def sum_of_moduli() -> Any:
    """RotatE as published: the sum of the moduli; PyKEEN's takes their Euclidean norm."""
    from pykeen.nn.modules import RotatEInteraction

    class SumOfModuli(RotatEInteraction):
        def forward(self, h: torch.Tensor, r: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            return -(h * r - t).abs().sum(-1)

    return SumOfModuli


def _representations(
    kind: str, about: dict[str, Any], tensors: dict[str, torch.Tensor]
) -> list[dict[str, Any]]:
    """What PyKEEN needs to make each table of one kind; complex numbers are stored as pairs."""
    from pykeen.nn.init import PretrainedInitializer

    made = []
    for name in sorted((n for n in tensors if n.startswith(f"{kind}.")), key=lambda n: int(n.split(".")[1])):
        rows = tensors[name]
        paired = about["complex"]
        shape = tuple(rows.shape[1:-1] if paired else rows.shape[1:])
        dtype = torch.cfloat if paired else rows.dtype
        made.append({"shape": shape, "initializer": PretrainedInitializer(rows), "dtype": dtype})
    return made


def _ids(path: Path) -> dict[str, int]:
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return {name: int(number) for number, name in (line.split("\t", 1) for line in lines)}


if __name__ == "__main__":
    print(json.dumps(evaluate(Path(__file__).parent, *sys.argv[1:])))
