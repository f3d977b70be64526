"""Relations by their MRR."""

from __future__ import annotations

import pandas as pd

from kgtuner.plots.relations import SHOWN, relations_figure, shown_relations
from kgtuner.plots.style import notice_of


def table(n: int) -> pd.DataFrame:
    """Relation i is asked i + 1 times and predicted the better the rarer it is."""
    return pd.DataFrame(
        {"name": [f"r{i}" for i in range(n)], "category": "N-N", "mrr": [1 - i / n for i in range(n)],
         "count": range(1, n + 1)}
    )  # fmt: skip


def test_the_most_frequent_relations_are_shown_from_the_worst_to_the_best() -> None:
    rows = shown_relations(table(SHOWN + 5))
    assert len(rows) == SHOWN
    assert rows["name"].iloc[0] == f"r{SHOWN + 4}"
    assert "r4" not in rows["name"].tolist()


def test_a_name_with_tags_stays_text() -> None:
    figure = relations_figure(table(1).assign(name="<b>x</b>"))
    assert figure.layout.yaxis.ticktext == ("&lt;b&gt;x&lt;/b&gt;",)
    assert figure.data[0].customdata[0][0] == "&lt;b&gt;x&lt;/b&gt;"


def test_no_relation_is_a_sentence() -> None:
    assert notice_of(relations_figure(table(0))) == "No relation has been ranked yet."
