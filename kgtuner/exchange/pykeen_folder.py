"""`--to pykeen`: a pipeline that PyKEEN runs, the triples it runs on, and the trained model for it."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from kgtuner.exchange.markdown import bullets, in_markdown
from kgtuner.exchange.pykeen_weights import pykeen_weights
from kgtuner.exchange.to_pykeen import pykeen_pipeline
from kgtuner.exchange.trained_run import TrainedRun
from kgtuner.training.parameters import write_tensors

README = """\
# {graph}: {model} for PyKEEN

Written by KGTuner {version}, for PyKEEN 1.11.

- `pipeline.json`: the configuration as a pipeline. `python run.py` trains it and prints its test metrics; in this
  folder `pykeen.pipeline.pipeline_from_path("pipeline.json")` does the same.
- `train.tsv`, `valid.tsv`, `test.tsv`: the triples by name; `entities.tsv`, `relations.tsv`: the ids of the model.
  Characters that would break a line are percent-encoded; `urllib.parse.unquote` gives the names back.
{length}- `weights.safetensors` and `load.py`: the trained model as a PyKEEN model. `python load.py` ranks the test
  triples.

## What the pipeline does otherwise

{lost}

## What the loaded model does otherwise

{differs}
"""

LENGTH = """\
- The model was trained for {steps:,} steps here, which are the {num_epochs:,} epochs (rounded up) of the pipeline as
  PyKEEN counts them.
"""


def write_pykeen(folder: Path, run: TrainedRun) -> list[str]:
    """Fill the folder; returns a sentence for each thing that has no counterpart."""
    from kgtuner import __version__

    model = run.predictor.model
    lost = run.write_triples(folder)
    pipeline, more = pykeen_pipeline(run.config, model, run.sizes(), seed=run.seed, steps=run.steps)
    lost += more
    metadata = {
        "title": f"{run.config.model.name}, exported from KGTuner {__version__}",
        "not_converted": lost,
    }
    text = json.dumps({"metadata": metadata, "pipeline": pipeline}, indent=1)
    (folder / "pipeline.json").write_text(text + "\n", encoding="utf-8")
    weights = pykeen_weights(run.config.model.name, model)
    about = {"pykeen": json.dumps(weights.about)}
    write_tensors(folder / "weights.safetensors", weights.tensors, about)
    for name, module in (("load.py", "pykeen_load.py"), ("run.py", "pykeen_run.py")):
        script = files("kgtuner.exchange").joinpath(module).read_text(encoding="utf-8")
        (folder / name).write_text(script, encoding="utf-8")
    length = "" if run.steps is None else LENGTH.format(steps=run.steps, **pipeline["training_kwargs"])
    readme = README.format(
        graph=in_markdown(run.predictor.graph.name),
        model=run.config.model.name,
        version=__version__,
        length=length,
        lost=bullets(lost, "Nothing that KGTuner knows of."),
        differs=bullets(weights.lost, "Nothing: it gives the same scores."),
    )
    (folder / "README.md").write_text(readme, encoding="utf-8")
    return [*lost, *(f"weights: {sentence}" for sentence in weights.lost)]
