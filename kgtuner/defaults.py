"""The configuration that a model is trained with when nobody chose one: configs/default/<model>.yaml."""

from __future__ import annotations

from kgtuner.config import TrialConfig
from kgtuner.registry import lookup
from kgtuner.shipped import shipped_folder


def default_config(model: str) -> TrialConfig:
    """A configuration that is good on an unknown graph of 1,000 to 50,000 entities, on a CPU.

    Raises:
        ConfigError: `unknown model 'dismult'. Did you mean 'distmult'? Known: …`.
    """
    files = {path.stem: path for path in sorted((shipped_folder("configs") / "default").glob("*.yaml"))}
    return TrialConfig.load(lookup("model", model, files))
