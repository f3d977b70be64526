"""What a trial found: its configuration for a training of its own."""

from __future__ import annotations

from optuna.trial import FrozenTrial

from kgtuner.config import TrainingConfig, TrialConfig
from kgtuner.execution.storage import RESULT

TRIAL_LIMITS = (
    "max_steps",
    "max_epochs",
    "max_seconds",
    "validate_every",
    "validate_every_seconds",
    "max_valid_triples",
    "patience",
    "queries_at_once",
    "tables_on",
)
"""Training settings that a trial has from the budget or from free memory; they say nothing about what was found."""


def found_config(trial: FrozenTrial) -> TrialConfig:
    """Of a finished trial, without the limits that the trial had."""
    defaults = TrainingConfig()
    config = TrialConfig.from_mapping(trial.user_attrs[RESULT]["config"])
    return config.limited(**{name: getattr(defaults, name) for name in TRIAL_LIMITS})
