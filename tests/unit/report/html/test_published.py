"""Published figures stand beside the graph that they are about, and no other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from kgtuner.graph.catalog import dataset_card
from kgtuner.report.html.published import published_for


def graph_like(name: str, size_of: str) -> Any:
    """Something of the name of one data set and the size of another."""
    counts = dataset_card(size_of).counts
    return SimpleNamespace(
        name=name, n_entities=counts.entities, n_relations=counts.relations, train=range(counts.train),
        valid=range(counts.valid), test=range(counts.test),
    )  # fmt: skip


def test_wn18rr_has_the_papers_figures_and_libkges() -> None:
    found = {p.title: p.metrics["mrr"] for p in published_for(graph_like("wn18rr", "wn18rr"), "complex")}
    assert found == {"KGTuner, ACL 2022": 0.484, "LibKGE": 0.475}


def test_a_source_without_one_metric_gives_the_others() -> None:
    (found,) = published_for(graph_like("codex-m", "codex-m"), "transe")
    assert found.metrics == {"mrr": 0.303, "hits_at_1": 0.223, "hits_at_10": 0.454}
    assert found.source == "https://github.com/tsafavi/codex"


def test_a_graph_that_only_has_the_name_has_no_published_figures() -> None:
    assert published_for(graph_like("wn18rr", "umls"), "complex") == []


def test_a_model_nobody_published_has_none() -> None:
    assert published_for(graph_like("wn18rr", "wn18rr"), "autosf") == []


def test_ogb_figures_are_left_out_as_they_rank_other_candidates() -> None:
    assert published_for(graph_like("ogbl-biokg", "ogbl-biokg"), "complex") == []
