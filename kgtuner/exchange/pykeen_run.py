"""Train pipeline.json with PyKEEN from wherever this is called: `python run.py` prints the test metrics.

It does what `pykeen.pipeline.pipeline_from_path` does in this folder, and two things more: the triples are found
beside this file, and AutoSF's coefficients become tuples, which JSON does not have and PyKEEN insists on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def run(folder: str | Path = ".", **changes: Any) -> Any:
    """The result of the pipeline; `changes` are further arguments, such as `random_seed=1`."""
    from pykeen.pipeline import pipeline

    folder = Path(folder)
    config = json.loads((folder / "pipeline.json").read_text(encoding="utf-8"))
    arguments = {**config["pipeline"], **changes}
    for split in ("training", "validation", "testing"):
        arguments[split] = str(folder / arguments[split])
    model = arguments["model_kwargs"]
    if "coefficients" in model:
        model["coefficients"] = [tuple(block) for block in model["coefficients"]]
    return pipeline(metadata=config["metadata"], **arguments)


if __name__ == "__main__":
    result = run(Path(__file__).parent)
    names = {"mrr": "inverse_harmonic_mean_rank", "hits_at_1": "hits_at_1", "hits_at_10": "hits_at_10"}
    print(json.dumps({k: result.get_metric(f"both.realistic.{v}") for k, v in names.items()}))
