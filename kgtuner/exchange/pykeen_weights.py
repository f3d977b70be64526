"""A trained model's numbers in the layout that PyKEEN 1.11 keeps them in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kgtuner.exchange.to_pykeen import NAMES, coefficients_of, normalised
from kgtuner.models import Model
from kgtuner.models.autosf import AutoSF
from kgtuner.models.complex import ComplEx
from kgtuner.models.conve import ConvE
from kgtuner.models.rescal import RESCAL
from kgtuner.models.rotate import RotatE
from kgtuner.models.transe import TransE
from kgtuner.models.tucker import TuckER


@dataclass(frozen=True, eq=False)
class PykeenWeights:
    """What `pykeen_load.py` builds an ERModel from.

    Attributes:
        tensors: `entities.0`, `relations.0` and more where a model has several tables, and the parameters
            of the interaction as `interaction.<name>`. Complex numbers are pairs in the last axis.
        about: plain values: interaction, interaction_kwargs, create_inverse_triples, complex.
        lost: why the scores differ, where they do; one sentence each.
    """

    tensors: dict[str, Tensor]
    about: dict[str, Any]
    lost: tuple[str, ...]


def pykeen_weights(name: str, model: Model) -> PykeenWeights:
    """The tables and layers of a model by its name in `kgtuner.models.MODELS`.

    PyKEEN interleaves: relation r has the row 2r, its inverse 2r + 1; ours come after all relations.
    """
    inverses = model.inverse_relations == "independent" or isinstance(model, ConvE)
    entities, relations = model.entities.detach().cpu(), model.relations.detach().cpu()
    if inverses:
        relations = _interleaved(relations, model.n_relations)
    is_complex = isinstance(model, ComplEx | RotatE)
    options: dict[str, Any] = {}
    tables = {"entities": [entities], "relations": [relations]}
    inner: dict[str, Tensor] = {}
    lost = []
    if isinstance(model, ComplEx):
        tables = {"entities": [_pairs(entities)], "relations": [_pairs(relations)]}
    elif isinstance(model, RotatE):
        angle = relations * (math.pi / model.initializer_scale)
        tables = {"entities": [_pairs(entities)], "relations": [torch.stack([angle.cos(), angle.sin()], -1)]}
    elif isinstance(model, TransE):
        options = {"p": model.norm}
    elif isinstance(model, RESCAL):
        tables["relations"] = [relations.view(-1, model.dimension, model.dimension)]
    elif isinstance(model, AutoSF):
        options = {"coefficients": coefficients_of(model), "num_blocks": 4}
        tables = {"entities": list(entities.chunk(4, 1)), "relations": list(relations.chunk(4, 1))}
    elif isinstance(model, TuckER):
        norm = normalised(model)
        options = {"embedding_dim": model.dimension, "relation_dim": model.relation_width()}
        options["apply_batch_normalization"] = norm
        inner = {"core_tensor": model.core.detach().transpose(0, 1)}  # theirs: head, relation, tail
        if norm:
            inner |= _layer("head_batch_norm", model.input_norm)
            inner |= _layer("head_relation_batch_norm", model.output_norm)
            if not inverses:
                lost.append(
                    "PyKEEN normalises the head also where it is asked for, so heads are ranked otherwise"
                )
    elif isinstance(model, ConvE):
        tables, options, inner, lost = _conve(model, entities, relations)
    tensors = {
        f"{kind}.{i}": rows.contiguous() for kind, parts in tables.items() for i, rows in enumerate(parts)
    }
    tensors |= {f"interaction.{key}": value.detach().cpu().contiguous() for key, value in inner.items()}
    about = {
        "interaction": NAMES[name],
        "interaction_kwargs": options,
        "create_inverse_triples": inverses,
        "complex": is_complex,
    }
    return PykeenWeights(tensors, about, tuple(lost))


def _conve(
    model: ConvE, entities: Tensor, relations: Tensor
) -> tuple[dict[str, list[Tensor]], dict[str, Any], dict[str, Tensor], list[str]]:
    d = model.dimension
    bias = entities[:, d] if model.entity_bias else entities.new_zeros(len(entities))
    options = {
        "input_channels": 1,
        "output_channels": model.convolution.out_channels,
        "embedding_height": model.height,
        "embedding_dim": d,
    }
    inner: dict[str, Tensor] = {}
    for place, layer in (  # the numbers are those of PyKEEN's sequences, dropout and activations included
        ("hr2d.0", model.input_norm),
        ("hr2d.2", model.convolution),
        ("hr2d.3", model.feature_norm),
        ("hr1d.0", model.linear),
        ("hr1d.2", model.hidden_norm),
    ):
        inner |= _layer(place, layer)
    border = min(2 * model.height, d // model.height) < 3
    lost = ["PyKEEN has no border of zeros around a thin image and refuses it"] if border else []
    return {"entities": [entities[:, :d], bias], "relations": [relations]}, options, inner, lost


def _layer(place: str, layer: nn.Module) -> dict[str, Tensor]:
    return {f"{place}.{name}": value for name, value in layer.state_dict().items()}


def _pairs(rows: Tensor) -> Tensor:
    """(n, 2k) real parts, then imaginary parts, to (n, k, 2)."""
    return torch.stack(rows.chunk(2, 1), -1)


def _interleaved(relations: Tensor, n: int) -> Tensor:
    """(2n, width), or (n, width) where the inverse reuses its relation, to (2n, width) in PyKEEN's order."""
    inverse = relations[n:] if len(relations) > n else relations
    return torch.stack([relations[:n], inverse], 1).reshape(2 * n, -1)
