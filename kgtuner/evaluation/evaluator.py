"""Ranking a split and reporting it overall, per direction, per relation and per relation category."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from kgtuner.errors import RunError
from kgtuner.evaluation.given_negatives import official_metrics, rank_given
from kgtuner.evaluation.metrics import Metrics, joined, selected, summarise
from kgtuner.evaluation.ranks import Ranks, rank_triples
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.graph.statistics import relation_categories
from kgtuner.models import Model
from kgtuner.types import SPLITS, IntArray, Split, Triples

FINAL_PRODUCTS = 4 * 10**12
"""Products of two numbers, about two minutes of one core, that ranking the valid split after a training may take."""

LEAST_FINAL = 5_000
"""Triples that are ranked after a training in any case: a standard error of the MRR of at most 0.005."""

FINAL_GIVEN = 20_000
"""The same where answers are given: some seconds, and a standard error of at most 0.0025."""

LEAST_GIVEN, GIVEN_A_SECOND = 2_000, 200
"""At the least, and so many for each second of a training with a time limit: a tenth of it, or so."""


@dataclass(frozen=True)
class Sample:
    """What was ranked of a split that would have taken too long.

    Attributes:
        ranked: triples that were drawn without replacement, each ranked in both directions.
        of: triples of the split.
        standard_error: of the MRR, as an estimate of that of the whole split; NaN for a single triple.
    """

    ranked: int
    of: int
    standard_error: float

    @classmethod
    def of_ranks(cls, tail: Ranks, head: Ranks, of: int) -> Sample:
        """A triple is drawn with both of its queries, so its error is that of the mean over triples."""
        each = (1 / tail.rank + 1 / head.rank) / 2
        n = len(each)
        if n < 2:
            return cls(n, of, float("nan"))
        return cls(n, of, float(each.std(ddof=1) / np.sqrt(n) * np.sqrt(1 - n / of)))

    def __str__(self) -> str:
        return (
            f"a random sample of {self.ranked:,} of the {self.of:,} triples was ranked; "
            f"the standard error of the MRR is {self.standard_error:.2g}"
        )


@dataclass(frozen=True)
class Evaluation:
    """Filtered metrics of one split.

    Attributes:
        sample: None where all triples of the split were ranked.
        overall: both directions together, the number that papers report.
        by_direction: "tail" for (h, r, ?) and "head" for (?, r, t).
        by_relation: both directions of each relation, by its name.
        by_category: both directions of the relations that are 1-1, 1-N, N-1 and N-N.
    """

    split: str
    overall: Metrics
    by_direction: dict[str, Metrics]
    by_relation: dict[str, Metrics]
    by_category: dict[str, Metrics]
    sample: Sample | None = None

    @classmethod
    def from_mapping(cls, value: Mapping[str, Any]) -> Evaluation:
        """The inverse of `to_mapping`."""
        names = [f.name for f in fields(Metrics)]

        def metrics(mapping: Mapping[str, Any]) -> Metrics:
            return Metrics(**{name: mapping[name] for name in names})

        groups = {
            group: {name: metrics(part) for name, part in value[group].items()}
            for group in ("by_direction", "by_relation", "by_category")
        }
        sample = value.get("sample")
        return cls(
            split=value["split"],
            overall=metrics(value),
            **groups,
            sample=None if sample is None else Sample(**sample),
        )

    def to_mapping(self) -> dict[str, Any]:
        """Plain values: the overall metrics by name at the top, the rest below; `sample` where there is one."""
        return {
            "split": self.split,
            **self.overall.to_mapping(),
            **({} if self.sample is None else {"sample": asdict(self.sample)}),
            "by_direction": {name: metrics.to_mapping() for name, metrics in self.by_direction.items()},
            "by_relation": {name: metrics.to_mapping() for name, metrics in self.by_relation.items()},
            "by_category": {name: metrics.to_mapping() for name, metrics in self.by_category.items()},
        }

    def _repr_html_(self) -> str:
        from html import escape

        parts = {"both directions": self.overall}
        parts |= {{"tail": "tails", "head": "heads"}.get(k, k): part for k, part in self.by_direction.items()}
        head = "".join(f"<th>{escape(part)}</th>" for part in parts)
        rows = "".join(
            f"<tr><th>{name}</th>{''.join(f'<td>{getattr(part, name):,.4g}</td>' for part in parts.values())}</tr>"
            for name in ("mrr", "hits_at_1", "hits_at_3", "hits_at_10", "mean_rank", "count")
        )
        sampled = "" if self.sample is None else f": {self.sample}"
        return (
            f"<p><b>{escape(self.split)}</b>, filtered metrics{escape(sampled)}</p>"
            f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )


def evaluate_split(
    model: Model, graph: KnowledgeGraph, split: Split, *, size: int | None = None, seed: int = 0
) -> Evaluation:
    """Rank the triples of a split in both directions.

    Against all entities, known triples do not compete; or against the false answers that the graph gives for this
    split, and then `overall` has MRR and Hits from OGB's own evaluator, if all are ranked.

    Args:
        size: triples to rank, a seeded sample; all of them unless there are more.
    """
    if model.n_entities != graph.n_entities or model.n_relations != graph.n_relations:
        raise RunError(
            f"the model was made for {model.n_entities} entities and {model.n_relations} relations, "
            f"but {graph.name} has {graph.n_entities} and {graph.n_relations}; give the graph it was trained on"
        )
    triples = graph.split(split)
    rows = sampled_rows(len(triples), size, seed)
    whole = len(triples)
    triples = triples if len(rows) == whole else triples[rows]
    model.eval()
    if split in graph.given and len(rows) < whole:
        tail, head = rank_given(model, triples, graph.given[split], rows, graph.n_relations)
        both = joined(tail, head)
        overall = summarise(both)
    elif split in graph.given:
        overall, tail, head = official_metrics(model, triples, graph.given[split], graph.n_relations)
        both = joined(tail, head)
    else:
        tail, head = rank_triples(model, triples, graph.known_answers(SPLITS), graph.n_relations)
        both = joined(tail, head)
        overall = summarise(both)
    relation = np.asarray(triples)[:, 1]
    categories = np.asarray(relation_categories(graph))[relation]
    return Evaluation(
        split=split,
        overall=overall,
        by_direction={"tail": summarise(tail), "head": summarise(head)},
        by_relation={
            str(graph.relations[r]): summarise(selected(both, np.tile(relation == r, 2)))
            for r in np.unique(relation)
        },
        by_category={
            str(c): summarise(selected(both, np.tile(categories == c, 2))) for c in np.unique(categories)
        },
        sample=None if len(rows) == whole else Sample.of_ranks(tail, head, whole),
    )


def validation_metrics(model: Model, graph: KnowledgeGraph, triples: Triples) -> Metrics:
    """The overall metrics of some triples among all entities; what training calls between its steps."""
    tail, head = rank_triples(model, triples, graph.known_answers(SPLITS), graph.n_relations)
    return summarise(joined(tail, head))


def metrics_of_rows(model: Model, graph: KnowledgeGraph, rows: IntArray) -> Metrics:
    """The overall metrics of some rows of the valid split, by the rule of the graph, see `evaluate_split`."""
    triples = graph.valid[rows] if len(rows) < len(graph.valid) else graph.valid
    if "valid" not in graph.given:
        return validation_metrics(model, graph, triples)
    tail, head = rank_given(model, triples, graph.given["valid"], rows, graph.n_relations)
    return summarise(joined(tail, head))


def validation_rows(graph: KnowledgeGraph, size: int | None, seed: int) -> IntArray:
    """A fixed seeded sample of the rows of the valid split, ascending, or all of them.

    With n triples ranked in both directions the standard error of the MRR is at most about
    0.5 / sqrt(2 n): 0.008 for 2,000.
    """
    return sampled_rows(len(graph.valid), size, seed)


def sampled_rows(n: int, size: int | None, seed: int) -> IntArray:
    """`size` of the numbers below n, ascending and always the same, or all of them."""
    if size is None or size >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, 1]).choice(n, size, replace=False))


def validation_sample(graph: KnowledgeGraph, size: int | None, seed: int) -> Triples:
    """The triples of `validation_rows`."""
    rows = validation_rows(graph, size, seed)
    return graph.valid if len(rows) == len(graph.valid) else graph.valid[rows]


def final_rows(
    graph: KnowledgeGraph, dimension: int, seed: int, *, max_seconds: float | None = None
) -> IntArray:
    """The rows of the valid split that a finished training is judged by: all, or a sample where all take minutes.

    Args:
        max_seconds: of the training; a short one is judged by fewer, where answers are given.
    """
    if "valid" in graph.given:
        short = FINAL_GIVEN if max_seconds is None else max(LEAST_GIVEN, int(GIVEN_A_SECOND * max_seconds))
        return validation_rows(graph, min(FINAL_GIVEN, short), seed)
    return validation_rows(
        graph, max(LEAST_FINAL, FINAL_PRODUCTS // (2 * graph.n_entities * dimension)), seed
    )
