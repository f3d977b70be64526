"""kgtuner.defaults: what a model is trained with when nobody chose."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from kgtuner.defaults import default_config
from kgtuner.errors import ConfigError
from kgtuner.experiment import run
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.models import MODELS
from kgtuner.parts import build_model
from kgtuner.space.legal import legal_space


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_a_default_of_its_own(model: str) -> None:
    assert default_config(model).model.name == model


@pytest.mark.parametrize("model", MODELS)
def test_default_stops_by_itself_and_validates_cheaply(model: str) -> None:
    training = default_config(model).training
    assert training.max_steps <= 100_000
    assert training.max_seconds is None
    assert training.max_valid_triples == 2000
    assert training.validate_every <= 1000


@pytest.mark.parametrize("model", MODELS)
def test_default_fits_a_small_machine_on_the_largest_graph_it_is_meant_for(model: str) -> None:
    config = default_config(model)
    tables = build_model(config.model, 50_000, 500)
    assert sum(parameter.numel() for parameter in tables.parameters()) * 4 * 4 < 1e9  # with gradient and Adam


@pytest.mark.parametrize("model", MODELS)
def test_default_lies_in_the_legal_space(model: str) -> None:
    """Otherwise tuning could not start from it."""
    space = legal_space([model])
    flat = default_config(model).flat()
    for parameter in space.parameters:
        if parameter.name in flat:
            assert parameter.legal.contains(flat[parameter.name]), parameter.name
    assert not [c.reason for c in space.constraints if c.violated(flat)]


@pytest.mark.parametrize("model", MODELS)
def test_default_learns_a_toy_graph(model: str) -> None:
    """Two steps round a ring of 24 entities; a guess has an MRR of 0.16."""
    n = 24
    ring = [(i, r, (i + r + 1) % n) for i in range(n) for r in range(2)]
    triples = np.array(ring, dtype=np.int64)
    order = np.random.default_rng(0).permutation(len(triples))
    graph = KnowledgeGraph.from_arrays(triples[order], valid=triples[order[:10]], test=triples[order[10:20]])
    config = default_config(model).limited(max_steps=100, validate_every=50, batch_size=32)
    assert run(config, graph, seed=0).valid.mrr > 0.4


def test_unknown_model_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"unknown model 'complx'\. Did you mean 'complex'\?"):
        default_config("complx")


def test_a_default_is_read_without_torch() -> None:
    load = "from kgtuner.defaults import default_config; default_config('complex')"
    code = f"import sys; {load}; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
