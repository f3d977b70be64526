"""Write a made-up knowledge graph of any size in the files that `ogb.linkproppred` reads.

    python benchmarks/generators/ogb_layout.py --like ogbl-wikikg2 --share 0.0625 --output /tmp/ogb

Both layouts are those of ogb 1.3.6, read from its source: `raw/` with its edges, `mapping/` with the names behind
the ids, `split/<type>/` with train, valid and test as `torch.save` writes dicts of numpy arrays, and given false
answers for valid and test. The cache that OGB itself leaves in `processed/` is not written.

What is in the graph can be learnt. Entities lie in groups, a relation leads from each group to one other group, and
within a group a tail is drawn by a power law, so a few entities are in very many triples. A share of the triples,
`NOISE`, leads anywhere. With the split by time a triple has the time of its relation and a random one, and the
latest triples are valid and test; else they are random ones.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

NOISE = 0.1  # share of the triples whose tail follows no rule
SKEW = 3.0  # of the popularity within a group: position = size * u ** SKEW
WORTH_LOOKING_UP = (
    5_000_000  # given false answers; of more, the few that happen to be true are left as they are
)
BIOKG_TYPES = {"disease": 10_687, "drug": 10_533, "function": 45_085, "protein": 17_499, "sideeffect": 9_969}


@dataclass(frozen=True)
class Shape:
    """The size of a graph to be made. With `types`, entities are numbered within their type, as in ogbl-biokg."""

    name: str  # of the data set whose layout it has: ogbl-biokg or ogbl-wikikg2
    entities: int
    relations: int
    train: int
    valid: int
    test: int
    types: Mapping[str, int] = field(default_factory=dict)
    negatives: int = 500  # a side

    def scaled(self, share: float) -> Shape:
        """The same with that share of the entities and triples, and all of the relations."""
        types = {name: max(2, round(count * share)) for name, count in self.types.items()}
        entities = sum(types.values()) if types else max(2, round(self.entities * share))
        train, valid, test = (max(1, round(n * share)) for n in (self.train, self.valid, self.test))
        return Shape(self.name, entities, self.relations, train, valid, test, types, self.negatives)


SHAPES = {
    "ogbl-wikikg2": Shape("ogbl-wikikg2", 2_500_604, 535, 16_109_182, 429_456, 598_543),
    "ogbl-biokg": Shape("ogbl-biokg", 93_773, 51, 4_762_678, 162_886, 162_870, BIOKG_TYPES),
}


def write_ogb_layout(
    root: Path,
    shape: Shape,
    seed: int = 0,
    *,
    raw_edges: bool = True,
    legacy: bool = False,
    protocol: int = 4,
) -> Path:
    """Write root/ogbl_biokg or root/ogbl_wikikg2, replacing nothing.

    Args:
        raw_edges: False leaves out the edges in `raw/`, which take minutes at full size and are in `split/` too.
        legacy: write the .pt files in the format of torch before 1.6.
        protocol: of their pickles.

    Returns:
        The folder.
    """
    import torch

    folder = root / shape.name.replace("-", "_")
    split_type = "random" if shape.types else "time"
    for part in ("raw", "mapping", "processed", f"split/{split_type}"):
        (folder / part).mkdir(parents=True)
    (folder / "RELEASE_v1.txt").write_text("")
    rng = np.random.default_rng(seed)
    ends = _relation_ends(shape)
    splits = _splits(shape, ends, rng)
    for name, triples in splits.items():
        content: dict[str, Any] = {}
        if shape.types:
            names = list(shape.types)
            content["head_type"] = [names[ends[r][0]] for r in triples[:, 1].tolist()]
            content["tail_type"] = [names[ends[r][1]] for r in triples[:, 1].tolist()]
        content |= {"head": triples[:, 0], "relation": triples[:, 1], "tail": triples[:, 2]}
        content = {key: np.ascontiguousarray(v) if key[-5:] != "_type" else v for key, v in content.items()}
        if name != "train":
            content |= _given(shape, triples, ends, splits, rng)
        torch.save(
            content,
            folder / f"split/{split_type}/{name}.pt",
            pickle_protocol=protocol,
            _use_new_zipfile_serialization=not legacy,
        )
        del content
    _write_raw(folder / "raw", shape, ends, splits["train"], raw_edges)
    _write_mapping(folder / "mapping", shape)
    return folder


def write_by_piece(root: Path, shape: Shape, seed: int = 0) -> Path:
    """As `write_ogb_layout` without the raw edges, and all or nothing; a finished folder is left as it is.

    The .pt files have torch's older format: for the newer one `torch.save` holds an array three times.
    """
    target = root / shape.name.replace("-", "_")
    if target.exists():
        return target
    scratch = root / ".new"
    shutil.rmtree(scratch, ignore_errors=True)
    made = write_ogb_layout(scratch, shape, seed, raw_edges=False, legacy=True)
    made.rename(target)
    shutil.rmtree(scratch)
    return target


def _relation_ends(shape: Shape) -> list[tuple[int, int]]:
    """The types of head and tail of each relation; untyped, everything is of type 0."""
    n = max(1, len(shape.types))
    return [(r % n, (r // n + r) % n) for r in range(shape.relations)]


def _sizes(shape: Shape) -> list[int]:
    return list(shape.types.values()) or [shape.entities]


def _splits(shape: Shape, ends: list[tuple[int, int]], rng: np.random.Generator) -> dict[str, Any]:
    """Distinct triples in train, valid and test; ids are local to their types."""
    wanted = shape.train + shape.valid + shape.test
    largest = max(_sizes(shape))
    found = np.empty(0, dtype=np.int64)
    while len(found) < wanted:
        triples = _some_triples(shape, ends, int(1.15 * (wanted - len(found))) + 100, rng)
        codes = (triples[:, 1] * largest + triples[:, 0]) * largest + triples[:, 2]
        found = np.unique(np.concatenate([found, codes]))
    order = rng.permutation(len(found))[:wanted]
    if not shape.types:  # by time: a relation has its own, and the latest triples are held out
        relation = found[order] // (largest * largest)
        moment = rng.random(wanted) + 0.2 * rng.random(shape.relations)[relation]
        order = order[np.argsort(moment)]
    # Every relation is in train.
    relation = found[order] // (largest * largest)
    first = np.unique(relation, return_index=True)[1]
    order = np.concatenate([order[first], np.delete(order, first)])
    codes = found[order]
    triples = np.column_stack((codes // largest % largest, codes // (largest * largest), codes % largest))
    bounds = np.cumsum([shape.train, shape.valid])
    return dict(zip(("train", "valid", "test"), np.split(triples, bounds), strict=True))


def _some_triples(shape: Shape, ends: list[tuple[int, int]], n: int, rng: np.random.Generator) -> Any:
    sizes = np.array(_sizes(shape))
    groups = np.maximum(
        1, np.sqrt(sizes / 4).astype(np.int64)
    )  # of each type, of about 4 times as many entities
    kinds = np.array(ends)
    weight = 1 / np.arange(1, shape.relations + 1)
    relation = np.searchsorted(np.cumsum(weight / weight.sum()), rng.random(n)).clip(0, shape.relations - 1)
    head_type, tail_type = kinds[relation, 0], kinds[relation, 1]
    head = (sizes[head_type] * rng.random(n) ** 1.5).astype(np.int64)
    group = (head % groups[head_type] + 7 * relation) % groups[tail_type]
    members = (sizes[tail_type] - group + groups[tail_type] - 1) // groups[tail_type]
    place = (members * rng.random(n) ** SKEW).astype(np.int64)
    tail = group + groups[tail_type] * place
    lost = rng.random(n) < NOISE
    tail[lost] = (sizes[tail_type[lost]] * rng.random(int(lost.sum()))).astype(np.int64)
    return np.column_stack((head, relation, tail))


def _given(
    shape: Shape,
    triples: Any,
    ends: list[tuple[int, int]],
    splits: Mapping[str, Any],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """False answers of the right type; where few are wanted, true triples are drawn again."""
    sizes, kinds = np.array(_sizes(shape)), np.array(ends)
    facts: set[tuple[int, int, int]] | None = None
    if len(triples) * 2 * shape.negatives <= WORTH_LOOKING_UP:
        facts = {(h, r, t) for part in splits.values() for h, r, t in part.tolist()}
    made = {}
    for side, column in (("head", 0), ("tail", 2)):
        high = sizes[kinds[triples[:, 1], column // 2]]
        drawn = rng.integers(0, high[:, None], (len(triples), shape.negatives))
        if facts is not None:
            for row, (h, r, t) in enumerate(triples.tolist()):
                for j, entity in enumerate(drawn[row].tolist()):
                    for _ in range(20):
                        if ((entity, r, t) if column == 0 else (h, r, entity)) not in facts:
                            break
                        entity = int(rng.integers(0, high[row]))
                    drawn[row, j] = entity
        made[f"{side}_neg"] = drawn
    return made


def _write_raw(folder: Path, shape: Shape, ends: list[tuple[int, int]], train: Any, edges: bool) -> None:
    if not shape.types:
        _table(folder / "num-node-list.csv.gz", [[shape.entities]])
        _table(folder / "num-edge-list.csv.gz", [[len(train)]])
        if edges:
            _table(folder / "edge.csv.gz", train[:, [0, 2]].tolist())
            _table(folder / "edge_reltype.csv.gz", train[:, [1]].tolist())
        return
    names = list(shape.types)
    _table(folder / "num-node-dict.csv.gz", [list(shape.types.values())], header=names)
    present = np.unique(train[:, 1]).tolist()
    kinds = [(names[ends[r][0]], f"r{r}", names[ends[r][1]]) for r in present]
    _table(folder / "triplet-type-list.csv.gz", kinds)
    for r, kind in zip(present, kinds, strict=True) if edges else ():
        place = folder / "relations" / "___".join(kind)
        place.mkdir(parents=True)
        part = train[train[:, 1] == r]
        _table(place / "edge.csv.gz", part[:, [0, 2]].tolist())
        _table(place / "num-edge-list.csv.gz", [[len(part)]])
        _table(place / "edge_reltype.csv.gz", part[:, [1]].tolist())


def _write_mapping(folder: Path, shape: Shape) -> None:
    if shape.types:
        for name, count in shape.types.items():
            rows: Any = ([i, f"{name[0].upper()}{i:07d}"] for i in range(count))
            _table(folder / f"{name}_entidx2name.csv.gz", rows, header=["ent idx", "ent name"])
        rows = [[r, f"r{r}"] for r in range(shape.relations)]
        _table(folder / "relidx2relname.csv.gz", rows, header=["rel idx", "rel name"])
        return
    rows = ([i, f"Q{3 * i + 1}"] for i in range(shape.entities))
    _table(folder / "nodeidx2entityid.csv.gz", rows, header=["node idx", "entity id"])
    rows = [[r, f"P{2 * r + 1}"] for r in range(shape.relations)]
    _table(folder / "reltype2relid.csv.gz", rows, header=["reltype", "rel id"])


def _table(path: Path, rows: Any, header: list[str] | None = None) -> None:
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8", newline="\n") as file:
        if header is not None:
            file.write(",".join(header) + "\n")
        for block in _blocks(rows):
            file.write(block)


def _blocks(rows: Any, size: int = 50_000) -> Iterator[str]:
    lines: list[str] = []
    for row in rows:
        lines.append(",".join(map(str, row)))
        if len(lines) == size:
            yield "\n".join(lines) + "\n"
            lines = []
    if lines:
        yield "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--like", choices=list(SHAPES), default="ogbl-wikikg2")
    parser.add_argument("--share", type=float, default=1.0, help="of the entities and the triples")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True, help="the folder above the data set's own")
    options = parser.parse_args()
    print(write_ogb_layout(options.output, SHAPES[options.like].scaled(options.share), options.seed))


if __name__ == "__main__":
    main()
