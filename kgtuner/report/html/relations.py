"""What a model knows: metrics by category, direction and relation, and answers of the best and the worst relations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kgtuner.plots.relations import SHOWN, relations_figure
from kgtuner.report.html.blocks import Block, column, figure, grid, section, table, text
from kgtuner.report.html.examples import RelationExamples
from kgtuner.report.text import printable

if TYPE_CHECKING:
    import pandas as pd

TITLE = "What the model knows"
CATEGORIES = ("1-1", "1-N", "N-1", "N-N")


def relation_section(
    metrics: Mapping[str, Any],
    relations: pd.DataFrame,
    examples: Sequence[RelationExamples],
    memory: str,
    split: str,
) -> Block:
    """The section of a report.

    Args:
        metrics: `Evaluation.to_mapping()` of the split.
        relations: of `evidence.relations_of`.
        examples: answers to triples of the split.
        memory: under which a page remembers what a reader chose in the table.
        split: "test" or "validation".
    """
    rows = relations.sort_values("count", ascending=False, kind="stable")
    names = ["name", "category", "train", "count", "mrr", "hits_at_1", "hits_at_10"]
    columns = [
        column("relation", kind="text"), column("category", kind="text"), column("train triples"),
        column("ranked"), column("MRR", digits=3), column("Hits@1", digits=3), column("Hits@10", digits=3),
    ]  # fmt: skip
    by_category = [
        [name, m["count"], m["mrr"], m["hits_at_1"], m["hits_at_10"]]
        for name, m in ((c, metrics["by_category"].get(c)) for c in CATEGORIES)
        if m is not None
    ]
    by_direction = [
        [{"tail": "tails (h, r, ?)", "head": "heads (?, r, t)"}.get(name, name), m["count"], m["mrr"],
         m["hits_at_1"], m["hits_at_10"]]
        for name, m in metrics["by_direction"].items()
    ]  # fmt: skip
    parts = [column("ranked"), *(column(t, digits=3) for t in ("MRR", "Hits@1", "Hits@10"))]
    shown = rows.assign(name=[printable(name) for name in rows["name"]])
    most = f"The {SHOWN} most frequent of {len(rows)} relations." if len(rows) > SHOWN else ""
    return section(
        "relations",
        TITLE,
        grid(
            table([column("category", kind="text"), *parts], by_category, label="by category"),
            table([column("asked for", kind="text"), *parts], by_direction, label="by direction"),
        ),
        figure(relations_figure(shown), caption=most),
        table(
            columns,
            rows[names].to_numpy().tolist(),
            sortable=True,
            limit=20,
            label="by relation",
            memory=memory,
        ),
        _shown_examples(examples, split),
        short="Relations",
        lead=f"Filtered {split} metrics. A category is read head side to tail side: in 1-N a head has many tails.",
    )


def _shown_examples(examples: Sequence[RelationExamples], split: str) -> Block:
    if not examples:
        return text("There are no examples: no relation was asked often enough, or there is no model to ask.")
    groups = [
        {
            "relation": printable(group.relation),
            "mrr": f"{group.mrr:.3f}",
            "good": group.good,
            "examples": [
                {
                    "question": [None if part is None else printable(part) for part in (e.head, e.relation, e.tail)],
                    "answer": printable(e.answer),
                    "rank": f"{e.rank:,.0f}" if float(e.rank).is_integer() else f"{e.rank:,.1f}",
                    "right": e.rank == 1,
                    "top": [[printable(name), name == e.answer] for name in e.top],
                }
                for e in group.examples
            ],
        }
        for group in examples
    ]  # fmt: skip
    return {"type": "examples", "split": split, "groups": groups}
