"""AutoSF: bilinear models as a block structure, which is data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from kgtuner.errors import ConfigError
from kgtuner.models.base import Model
from kgtuner.registry import lookup

Structure = tuple[tuple[int, int, int, int], ...]

STRUCTURES: dict[str, Structure] = {
    # Row i, column j: +k or -k places relation block k between block i of h and block j of t; 0 leaves it out.
    # Figure 1 of the AutoSF paper shows the known models in this form.
    "distmult": ((1, 0, 0, 0), (0, 2, 0, 0), (0, 0, 3, 0), (0, 0, 0, 4)),
    "complex": ((1, 0, 3, 0), (0, 2, 0, 4), (-3, 0, 1, 0), (0, -4, 0, 2)),
    "analogy": ((1, 0, 0, 0), (0, 2, 0, 0), (0, 0, 3, 4), (0, 0, -4, 3)),
    "simple": ((0, 0, 1, 0), (0, 0, 0, 2), (3, 0, 0, 0), (0, 4, 0, 0)),
    # What AutoSF found for the two OGB graphs, as published in https://github.com/LARS-research/AutoSF
    # (biokg/model.py, wikikg2/model.py).
    "ogbl-biokg": ((1, 1, 0, 0), (0, 2, 0, 0), (0, 0, 3, 0), (0, 0, 0, 4)),
    "ogbl-wikikg2": ((1, 0, 0, 0), (0, 2, 0, 3), (0, 0, 1, 3), (0, -2, 4, 0)),
}


class AutoSF(Model):
    """Bilinear scoring over four blocks of dimension/4: the sum over (i, j) of sign * <h_i, r_k, t_j>.

    Args:
        structure: a name from `STRUCTURES`, or a 4 x 4 table of whole numbers from -4 to 4.

    The inverse of r is the transposed structure. Source: Zhang et al. (2020), https://arxiv.org/abs/1904.11682
    """

    DIMENSION_MULTIPLE = 4

    def __init__(
        self, *sizes: int, structure: str | Sequence[Sequence[int]] = "analogy", **options: Any
    ) -> None:
        super().__init__(*sizes, **options)
        self.structure = structure_of(structure)

    def score(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        hs, rs, ts = h.chunk(4, -1), r.chunk(4, -1), t.chunk(4, -1)
        total = h.new_zeros(())
        for i, row in enumerate(self.structure):
            for j, k in enumerate(row):
                if k:
                    total = total + (1 if k > 0 else -1) * (hs[i] * rs[abs(k) - 1] * ts[j]).sum(-1)
        return total

    def tail_query(self, h: Tensor, r: Tensor) -> Tensor:
        return self._query(h, r, self.structure)

    def query(self, h: Tensor, r: Tensor, inverse: Tensor | None) -> Tensor:
        # The inverse of a block structure is its transpose, which no change of r alone can express.
        forward = self._query(h, r, self.structure)
        if inverse is None:
            return forward
        backward = self._query(h, r, tuple(zip(*self.structure, strict=True)))
        return torch.where(inverse[:, None], backward, forward)

    def _query(self, h: Tensor, r: Tensor, structure: Structure) -> Tensor:
        hs, rs = h.chunk(4, -1), r.chunk(4, -1)
        blocks = []
        for j in range(4):
            block = torch.zeros_like(hs[0])
            for i in range(4):
                k = structure[i][j]
                if k:
                    block = block + (1 if k > 0 else -1) * hs[i] * rs[abs(k) - 1]
            blocks.append(block)
        return torch.cat(blocks, -1)


def structure_of(value: str | Sequence[Sequence[int]]) -> Structure:
    """A checked 4 x 4 block structure from its name or its numbers."""
    if isinstance(value, str):
        return lookup("AutoSF structure", value, STRUCTURES)
    rows = [list(row) if isinstance(row, list | tuple) else [] for row in value]
    numbers = [k for row in rows for k in row]
    legal = len(rows) == 4 and all(len(row) == 4 for row in rows)
    if not legal or not all(type(k) is int and -4 <= k <= 4 for k in numbers) or not any(numbers):
        raise ConfigError(
            f"model.structure must be a 4 x 4 table of whole numbers from -4 to 4, got {value!r}"
        )
    return tuple(tuple(row) for row in rows)
