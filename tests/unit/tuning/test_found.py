"""What a trial found, as a configuration to train with."""

from __future__ import annotations

import json

from optuna.trial import create_trial

from kgtuner.config import TrainingConfig
from kgtuner.defaults import default_config
from kgtuner.execution.storage import RESULT
from kgtuner.tuning.found import TRIAL_LIMITS, found_config


def test_what_was_found_is_kept_and_the_limits_of_the_trial_are_not() -> None:
    found = default_config("complex").updated({"training.batch_size": 77, "optimizer.learning_rate": 0.03})
    limits = {
        "max_steps": 9, "max_epochs": 2, "max_seconds": 0.8, "validate_every": 3, "validate_every_seconds": 0.1,
        "max_valid_triples": 9, "patience": 2, "queries_at_once": 11, "tables_on": "host",
    }  # fmt: skip
    assert set(limits) == set(TRIAL_LIMITS)
    result = json.loads(json.dumps({"config": found.limited(**limits).to_mapping()}))
    trial = create_trial(value=0.5, user_attrs={RESULT: result})
    assert found_config(trial) == found.limited(
        **{name: getattr(TrainingConfig(), name) for name in TRIAL_LIMITS}
    )
    assert found_config(trial).training.batch_size == 77
