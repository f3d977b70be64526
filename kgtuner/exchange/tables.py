"""The embeddings of a run as named tables, in the numbers that their model's definition speaks of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kgtuner.models import Model
from kgtuner.models.complex import ComplEx
from kgtuner.models.conve import ConvE
from kgtuner.models.rescal import RESCAL
from kgtuner.models.rotate import RotatE
from kgtuner.models.tucker import TuckER
from kgtuner.prediction import LinkPredictor


@dataclass(frozen=True, eq=False)
class Table:
    """Rows with names.

    Attributes:
        kind: entities, relations or inverse_relations.
        names: (n,) the graph's own names; those of inverse relations are the names of what they invert.
        rows: (n, width) float32.
    """

    kind: str
    names: Sequence[str]
    rows: npt.NDArray[np.float32]


def tables_of(predictor: LinkPredictor) -> list[Table]:
    """Entities, relations, and inverse relations where these have embeddings of their own.

    RotatE's relations are angles in radians, whatever scale they were trained in.
    """
    model, graph = predictor.model, predictor.graph
    entities, relations = (t.detach().cpu().float().numpy() for t in (model.entities, model.relations))
    if isinstance(model, RotatE):
        relations = relations * np.float32(math.pi / model.initializer_scale)
    n = graph.n_relations
    tables = [
        Table("entities", graph.entities, entities),
        Table("relations", graph.relations, relations[:n]),
    ]
    if len(relations) > n:
        tables.append(Table("inverse_relations", graph.relations, relations[n:]))
    return tables


def layout_of(model: Model, *, as_trained: bool = False) -> list[str]:
    """What the numbers of a row are, sentence by sentence.

    Args:
        as_trained: of the model's own parameters, not of `tables_of`.
    """
    half = model.dimension // 2
    sentences = []
    if isinstance(model, ComplEx):
        sentences.append(f"A row holds {half} real parts, then {half} imaginary parts.")
    if isinstance(model, RotatE):
        sentences.append(f"A row of an entity holds {half} real parts, then {half} imaginary parts.")
        unit = (
            f"angles in radians times {model.initializer_scale:g} / pi" if as_trained else "angles in radians"
        )
        sentences.append(f"A row of a relation holds {half} {unit}.")
    if isinstance(model, RESCAL):
        sentences.append(
            f"A row of a relation is its {model.dimension} x {model.dimension} matrix, row by row."
        )
    if isinstance(model, ConvE) and model.entity_bias:
        sentences.append("The last number of an entity's row is its bias.")
    if isinstance(model, ConvE | TuckER) and not as_trained:
        sentences.append("The model has layers besides the tables: the huggingface format has all of it.")
    if model.inverse_relations == "independent" and as_trained:
        sentences.append("After the relations come their inverses, in the same order.")
    elif model.inverse_relations == "independent":
        sentences.append("Row i of inverse_relations embeds the inverse of relation i.")
    return sentences
