"""The entities whose embeddings point in the most similar direction."""

from __future__ import annotations

import torch
from torch import Tensor

from kgtuner.models import Model
from kgtuner.prediction.top_k import stable_top_k


def nearest(model: Model, entity: int, k: int) -> list[tuple[int, float]]:
    """The k nearest other entities and the cosines of their embeddings with that of `entity`.

    The embedding is the row of the entity table: of a complex model the real parts and the imaginary
    parts beside each other, of ConvE without the entity's bias. A row of zeros has the cosine 0 with all.
    """
    rows: Tensor = model.entities.detach()[:, : model.dimension]
    lengths = torch.linalg.vector_norm(rows, dim=1)
    tiny = torch.finfo(rows.dtype).tiny
    cosines = (rows @ (rows[entity] / lengths[entity].clamp_min(tiny))) / lengths.clamp_min(tiny)
    cosines = cosines.clamp(-1, 1)  # rounding
    cosines[entity] = -torch.inf
    values, columns = stable_top_k(cosines[None], min(k, len(rows) - 1))
    return list(zip(columns[0].tolist(), values[0].double().tolist(), strict=True))
