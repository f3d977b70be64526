"""Triples that are already in memory as names: pandas frames and networkx edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kgtuner.errors import DataError
from kgtuner.graph.reading import Vocabulary
from kgtuner.types import Split, Triples


def encode_frames(
    frames: Mapping[Split, Any], columns: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...], dict[Split, Triples]]:
    """Entity names, relation names and the triples of each frame; ids in order of appearance."""
    if len(columns) != 3:
        raise DataError(f"columns must name head, relation and tail, got {list(columns)}")
    chosen = {split: _three_columns(frame, columns, split) for split, frame in frames.items()}
    ends = np.concatenate([table[:, [0, 2]].ravel() for table in chosen.values()])
    middle = np.concatenate([table[:, 1] for table in chosen.values()])
    end_ids, entities = _encode(ends, "entities")
    relation_ids, relations = _encode(middle, "relations")
    splits: dict[Split, Triples] = {}
    done = 0
    for split, table in chosen.items():
        rows = slice(done, done + len(table))
        pairs = end_ids.reshape(-1, 2)[rows]
        splits[split] = np.column_stack((pairs[:, 0], relation_ids[rows], pairs[:, 1])).astype(np.int64)
        done += len(table)
    return entities, relations, splits


def encode_edges(graph: Any, relation_attribute: str) -> tuple[tuple[str, ...], tuple[str, ...], Triples]:
    """Entity names, relation names and triples of the edges of a directed networkx graph."""
    if not graph.is_directed():
        raise DataError(
            f"a knowledge graph needs directed edges, got an undirected {type(graph).__name__}: "
            "use networkx.MultiDiGraph, or graph.to_directed() where every relation is symmetric"
        )
    entities, relations = Vocabulary(), Vocabulary()
    nodes = {node: str(node) for node in graph}
    if len(set(nodes.values())) < len(nodes):
        raise DataError("two nodes of the graph have the same text as their name: make the names differ")
    rows = []
    for head, tail, relation in graph.edges(data=relation_attribute):
        if relation is None:
            raise DataError(
                f"edge {head!r} -> {tail!r} has no attribute {relation_attribute!r} that names its relation"
            )
        rows.append((entities[nodes[head]], relations[str(relation)], entities[nodes[tail]]))
    return tuple(entities), tuple(relations), np.array(rows, dtype=np.int64).reshape(-1, 3)


def _three_columns(frame: Any, columns: Sequence[str], split: str) -> Any:
    """(n, 3) object array of the three columns, without a missing value."""
    named = [column for column in columns if column in frame.columns]
    if len(named) == 3:
        table = frame[list(columns)]
    elif named:
        raise DataError(
            f"the {split} frame has only {', '.join(map(repr, named))} of the columns {list(columns)}: "
            f"its columns are {list(frame.columns)}"
        )
    elif frame.shape[1] < 3:
        raise DataError(
            f"the {split} frame needs three columns head, relation, tail, got {list(frame.columns)}"
        )
    else:
        table = frame.iloc[:, :3]
    missing = table.isna().to_numpy().any(axis=1)
    if missing.any():
        raise DataError(f"the {split} frame has a missing value in row {int(np.flatnonzero(missing)[0])}")
    return table.to_numpy(dtype=object)


def _encode(values: Any, what: str) -> tuple[Any, tuple[str, ...]]:
    import pandas as pd

    codes, found = pd.factorize(values)
    names = tuple(str(value) for value in found)
    if len(set(names)) < len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DataError(f"two different values among the {what} have the text {twice!r}: make them one type")
    return codes, names
