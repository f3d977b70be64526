"""Which of its negatives a query is compared with; the gradient of that is in tests/contract/test_gradients.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from kgtuner.graph.entity_types import EntityTypes
from kgtuner.graph.known_answers import KnownAnswers
from kgtuner.losses import LOSSES
from kgtuner.losses.binary_cross_entropy import BCEMean
from kgtuner.models import MODELS
from kgtuner.negatives import NEGATIVES, NegativeSampler
from kgtuner.negatives.typed import Typed
from kgtuner.regularizers import REGULARIZERS
from kgtuner.training.negative_sampling import NegativeSamplingStep
from kgtuner.training.queries import TrainingQueries

CPU = torch.device("cpu")
TYPE = np.array([0, 0, 0, 1, 1, 1])  # three people and three towns
TRAIN = np.array([[0, 0, 3], [0, 0, 4], [1, 0, 4], [2, 0, 5]])  # lives in
FACTS = {(h, t) for h, _, t in TRAIN.tolist()}


class Seen(BCEMean):
    """Keeps what it is asked for."""

    valid: Tensor | None

    def sampled(self, positive: Tensor, negative: Tensor, valid: Tensor | None, weights: Tensor) -> Tensor:
        self.valid = valid
        return super().sampled(positive, negative, valid, weights)


@pytest.mark.parametrize("filtered", [True, False])
@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize("form", NEGATIVES)
def test_a_negative_counts_when_it_is_of_the_right_type_and_no_fact(
    form: str, typed: bool, filtered: bool
) -> None:
    negatives: NegativeSampler = NEGATIVES[form](num_negatives=40, filtered=filtered)
    if typed:
        negatives = Typed(negatives, EntityTypes(("person", "town"), TYPE), CPU)
    known = KnownAnswers.of(TRAIN, 6, 1)
    queries = TrainingQueries.of(TRAIN, known, 6, 1, frequency_weights=False, device=CPU)
    model = MODELS["distmult"](6, 1, 2)
    model.initialize(torch.Generator().manual_seed(0))
    loss = Seen()
    generator = torch.Generator().manual_seed(1)
    step = NegativeSamplingStep(
        model, loss, REGULARIZERS["none"](), negatives, queries, generator, dense=True
    )
    step(torch.arange(len(queries)))
    drawn, _ = negatives.draw_for(queries.answer, 6, torch.Generator().manual_seed(1))
    expected = [
        [
            not (filtered and ((entity, other) in FACTS or (other, entity) in FACTS))
            and not (typed and TYPE[other] != TYPE[answer])
            for other in others
        ]
        for entity, answer, others in zip(
            queries.entity.tolist(),
            queries.answer.tolist(),
            drawn.expand(len(queries), -1).tolist(),
            strict=True,
        )
    ]
    found = torch.ones(len(queries), drawn.shape[-1], dtype=torch.bool) if loss.valid is None else loss.valid
    assert found.tolist() == expected
    assert any(not all(row) for row in expected) == (filtered or (typed and form == "shared"))


def test_cross_entropy_keeps_the_facts_among_its_negatives() -> None:
    queries = TrainingQueries.of(
        TRAIN, KnownAnswers.of(TRAIN, 6, 1), 6, 1, frequency_weights=False, device=CPU
    )
    for name, loss in LOSSES.items():
        step = NegativeSamplingStep(
            MODELS["distmult"](6, 1, 2),
            loss(),
            REGULARIZERS["none"](),
            NEGATIVES["independent"](),
            queries,
            torch.Generator(),
            dense=True,
        )
        assert (step.false_negatives is None) == (name == "cross_entropy")
