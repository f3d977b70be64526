"""FRO and NUC: powers of the norms of h, r and t."""

from __future__ import annotations

from torch import Tensor

from kgtuner.errors import ConfigError
from kgtuner.regularizers.base import Regularizer


class Frobenius(Regularizer):
    """FRO: ||h||_2^2 + ||r||_2^2 + ||t||_2^2."""

    def penalty(self, h: Tensor, r: Tensor, t: Tensor, query: Tensor) -> Tensor:
        return h.square().sum(-1) + r.square().sum(-1) + t.square().sum(-1)


class Nuclear(Regularizer):
    """NUC: the 3-norms of h, r and t, cubed (N3).

    Args:
        over: "real" takes each real coordinate by itself, as the published runs did; "complex" takes
            the moduli of the pairs (re, im), as N3 was defined for ComplEx.

    Source: Lacroix et al. (2018), eq. 4, https://arxiv.org/abs/1806.07297
    """

    def __init__(self, *, weight: float = 1e-6, over: str = "real") -> None:
        super().__init__(weight=weight)
        if over not in ("real", "complex"):
            raise ConfigError(f"regularizer.over must be real or complex, got {over!r}")
        self.over = over

    def penalty(self, h: Tensor, r: Tensor, t: Tensor, query: Tensor) -> Tensor:
        return self._cubed(h) + self._cubed(r) + self._cubed(t)

    def _cubed(self, rows: Tensor) -> Tensor:
        if self.over == "real":
            return rows.abs().pow(3).sum(-1)
        re, im = rows.chunk(2, -1)
        return (re.square() + im.square()).clamp_min(1e-30).pow(1.5).sum(-1)
