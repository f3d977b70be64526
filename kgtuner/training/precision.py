"""Whether the large matmuls of training run in bfloat16."""

from __future__ import annotations

import torch

from kgtuner.config import Precision
from kgtuner.errors import ConfigError

WORTH_FROM = 1_000
"""Entities from which converting to bfloat16 costs less than the faster matmul saves."""


def low_precision(precision: Precision, device: torch.device, n_entities: int) -> bool:
    """Decide at run time: "auto" takes bfloat16 where the hardware multiplies in it and the graph is not tiny.

    Raises:
        ConfigError: when "bf16" is asked for and the hardware would only emulate it, slower than float32.
    """
    if precision == "fp32":
        return False
    available = _multiplies_in_bf16(device)
    if precision == "bf16" and not available:
        raise ConfigError(
            f"training.precision bf16 needs a processor or GPU with bfloat16 arithmetic, "
            f"which the device {str(device)!r} does not have; use auto or fp32"
        )
    return available and (precision == "bf16" or n_entities >= WORTH_FROM)


def _multiplies_in_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        features = torch.cpu.get_capabilities()
    except AttributeError:  # torch before 2.10
        return False
    return any(features.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
