"""What a step gives to its contest; its gradients are held to autograd in tests/contract/test_gradients.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from kgtuner.graph.entity_types import EntityTypes
from kgtuner.graph.known_answers import KnownAnswers
from kgtuner.losses import LOSSES
from kgtuner.models import MODELS
from kgtuner.negatives import NEGATIVES
from kgtuner.negatives.typed import Typed
from kgtuner.regularizers import REGULARIZERS
from kgtuner.training.contest import Contest, ContestGradient, Judge
from kgtuner.training.negative_sampling import NegativeSamplingStep
from kgtuner.training.queries import TrainingQueries

TRAIN = np.array([[0, 0, 1], [0, 0, 4], [2, 0, 6], [5, 0, 3]])
KIND = np.array([1, 0, 1, 3, 0, 1, 3])  # 1, 4 and 3, 6 are of a type, and so are 0, 2, 5
CPU = torch.device("cpu")


@pytest.mark.parametrize("filtered", [True, False])
def test_of_a_shared_set_a_query_sees_its_type_without_what_is_known_to_be_right(
    filtered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    contests: list[Contest] = []
    judge = Judge.__call__

    def watched(self: Judge, contest: Contest) -> ContestGradient:
        contests.append(contest)
        return judge(self, contest)

    monkeypatch.setattr(Judge, "__call__", watched)
    model = MODELS["distmult"](7, 1, 4)
    model.initialize(torch.Generator().manual_seed(0))
    queries = TrainingQueries.of(
        TRAIN, KnownAnswers.of(TRAIN, 7, 1), 7, 1, frequency_weights=False, device=CPU
    )
    form = NEGATIVES["shared"](num_negatives=20, filtered=filtered)
    negatives = Typed(form, EntityTypes(("a", "b", "none", "c"), KIND), CPU)
    parts = (model, LOSSES["bce_mean"](), REGULARIZERS["none"](), negatives, queries)
    NegativeSamplingStep(*parts, torch.Generator().manual_seed(1), dense=True)(torch.arange(3))
    (contest,) = contests
    valid: Tensor | None = contest.valid
    assert valid is not None
    seen = [set(contest.drawn[row].tolist()) for row in valid]
    # (0, 0, ?) has both entities of its answers' type, 1 and 4, as known answers; (2, 0, ?) has 6 and not 3.
    assert seen == ([set(), set(), {3}] if filtered else [{1, 4}, {1, 4}, {3, 6}])
