"""What a model answers to held-out triples of its best and its worst relations, in the graph's own names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kgtuner.evaluation.ranks import rank_queries
from kgtuner.prediction import LinkPredictor
from kgtuner.types import SPLITS, Split

if TYPE_CHECKING:
    import pandas as pd

LEAST_QUERIES = 10
"""Ranked queries of a relation below which its MRR says too little to call it good or bad."""
RELATIONS = 3  # best ones, and as many worst ones
ASKED = 40  # triples of a relation that are looked at
SHOWN = 2  # right ones, and as many wrong ones
TOP = 3  # answers


@dataclass(frozen=True)
class Example:
    """A question about a held-out triple and what the model answers.

    Attributes:
        head, relation, tail: by name; what was asked is None.
        answer: what stands in the held-out triple.
        rank: of the answer, filtered; 1 is best.
        top: the first answers, other known facts left out.
    """

    head: str | None
    relation: str
    tail: str | None
    answer: str
    rank: float
    top: tuple[str, ...]


@dataclass(frozen=True)
class RelationExamples:
    relation: str
    mrr: float
    good: bool  # one of the best relations, else one of the worst
    examples: tuple[Example, ...]


def best_and_worst(relations: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Names of the relations with the highest and the lowest MRR among those that were asked often enough.

    Args:
        relations: columns name, mrr, count.
    """
    often = relations[relations["count"] >= LEAST_QUERIES].sort_values("mrr", ascending=False, kind="stable")
    names = often["name"].tolist()
    n = min(RELATIONS, (len(names) + 1) // 2)
    return names[:n], names[max(n, len(names) - RELATIONS) :][::-1]


def relation_examples(
    predictor: LinkPredictor, relations: pd.DataFrame, split: Split = "test", seed: int = 0
) -> list[RelationExamples]:
    """Right and wrong answers for the best and the worst relations, as far as there are any."""
    best, worst = best_and_worst(relations)
    mrr = dict(zip(relations["name"], relations["mrr"], strict=True))
    return [
        RelationExamples(name, float(mrr[name]), name in best, tuple(_examples(predictor, name, split, seed)))
        for name in (*best, *worst)
    ]


def _examples(predictor: LinkPredictor, relation: str, split: Split, seed: int) -> list[Example]:
    graph = predictor.graph
    r = graph.relation_id(relation)
    triples = graph.split(split)
    triples = triples[triples[:, 1] == r]
    if len(triples) > ASKED:
        triples = triples[
            np.sort(np.random.default_rng([seed, r]).choice(len(triples), ASKED, replace=False))
        ]
    h, t = triples[:, 0], triples[:, 2]
    n = len(triples)
    directed = np.concatenate([np.full(n, r), np.full(n, r + graph.n_relations)])
    ranks = rank_queries(
        predictor.model, np.concatenate([h, t]), directed, np.concatenate([t, h]), graph.known_answers(SPLITS)
    ).rank
    chosen = _chosen(ranks)
    questions: list[tuple[str | None, str, str | None]] = []
    for i in chosen:
        head, tail = graph.entities[int(h[i % n])], graph.entities[int(t[i % n])]
        questions.append((head, relation, None) if i < n else (None, relation, tail))
    others = predictor.predict_batch(questions, k=TOP, known="exclude")
    found = []
    for i, (head_asked, _, tail_asked), predictions in zip(chosen, questions, others, strict=True):
        answer = graph.entities[int((t if i < n else h)[i % n])]
        top = [str(prediction.to_mapping()["entity"]) for prediction in predictions]
        if ranks[i] <= TOP:
            top.insert(int(ranks[i]) - 1, answer)
        found.append(Example(head_asked, relation, tail_asked, answer, float(ranks[i]), tuple(top[:TOP])))
    return found


def _chosen(ranks: Sequence[float] | np.ndarray) -> list[int]:
    """Of the right answers the first ones, of the wrong ones the nearest miss and the farthest."""
    ranks = np.asarray(ranks)
    right = np.flatnonzero(ranks == 1)[:: max(1, int((ranks == 1).sum()) // SHOWN)][:SHOWN]
    wrong = np.flatnonzero(ranks > 1)
    wrong = wrong[np.argsort(ranks[wrong], kind="stable")]
    ends = wrong[[0, -1]] if len(wrong) > 1 else wrong
    return [*right.tolist(), *ends.tolist()]
