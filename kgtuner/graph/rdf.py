"""N-Triples and Turtle -> triples, parsed by rdflib (extra `rdf`).

A resource keeps its whole IRI as its name: prefixes belong to a file, and two files may shorten differently.
A blank node is an entity: `_:label` as written in N-Triples, where the files of one folder share their labels;
`_:<file>-<number>` in Turtle, counted as they are stated, what is in brackets first. A literal is a value and
no entity that could be embedded; triples with one are left out and counted, or kept with the literal's form
in N-Triples as its name.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kgtuner.errors import DataError
from kgtuner.graph.reading import Vocabulary
from kgtuner.graph.text_blocks import blocks, decoded, file_name, lines, shown
from kgtuner.types import Triples

Literals = Literal["drop", "keep"]

ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def read_ntriples(
    path: Path,
    entities: Vocabulary,
    relations: Vocabulary,
    literals: Literals = "drop",
    on_note: Callable[[str], None] = lambda message: None,
) -> Triples:
    """(n, 3) triples of an N-Triples file, read line by line.

    Args:
        literals: whether triples with a literal as object are left out or kept.
        on_note: told how many were left out.

    Raises:
        DataError: if rdflib is not installed, a line is no triple, or none is left.
    """
    _rdflib(path)
    from rdflib.exceptions import ParserError
    from rdflib.plugins.parsers.ntriples import W3CNTriplesParser

    labels: dict[Any, str] = {}
    found = _Found(path, entities, relations, literals, lambda node: f"_:{labels[node]}")
    parser = W3CNTriplesParser(sink=found)  # type: ignore[arg-type]
    nodes = _Labels(labels)
    with _quiet():
        for first, some in lines(path):
            for number, line in enumerate(some, first):
                parser.line = line
                try:
                    parser.parseline(bnode_context=nodes)
                except (ParserError, ValueError) as error:
                    raise DataError(
                        f"{file_name(path)} line {number}: expected one triple of N-Triples, got {shown(line)} "
                        f"({str(error).splitlines()[0][:80]})"
                    ) from None
    return found.triples(on_note)


def read_turtle(
    path: Path,
    entities: Vocabulary,
    relations: Vocabulary,
    literals: Literals = "drop",
    on_note: Callable[[str], None] = lambda message: None,
) -> Triples:
    """(n, 3) triples of a Turtle file. Arguments and errors as `read_ntriples`.

    It is parsed as a whole, so a packed one may unpack to an eighth of what one in another format may; see
    `text_blocks.pieces`.
    """
    rdflib = _rdflib(path)
    stem = re.sub(r"\.ttl(\.gz)?$", "", path.name, flags=re.IGNORECASE)
    numbers: dict[Any, int] = {}
    found = _Found(
        path,
        entities,
        relations,
        literals,
        lambda node: f"_:{stem}-{numbers.setdefault(node, len(numbers) + 1)}",
    )

    class Sink(rdflib.Graph):  # type: ignore[misc, name-defined]
        """Takes the triples as they come: a graph in memory would sort and deduplicate them."""

        def add(self, triple: Any) -> Any:
            found.triple(*triple)
            return self

    text, number = [], 1
    for block in blocks(path, whole=True):
        text.append(decoded(block, path, number))
        number += block.count(b"\n")
    try:
        with _quiet():
            # An address of nobody as the base: a relative IRI stays what it is and names no folder of this machine.
            Sink().parse(data="".join(text), format="turtle", publicID=BASE)
    except RecursionError:
        raise DataError(f"{file_name(path)} is nested too deeply to be read as Turtle") from None
    except (
        SyntaxError,
        ValueError,
        KeyError,
        IndexError,
        AssertionError,
        rdflib.exceptions.ParserError,
    ) as error:
        line = getattr(error, "lines", None)
        where = file_name(path) if line is None else f"{file_name(path)} line {line + 1}"
        why = getattr(error, "_why", None) or str(error) or type(error).__name__
        raise DataError(f"{where}: expected Turtle, got {shown(str(why))}") from None
    return found.triples(on_note)


BASE = "relative:/"


class _Found:
    """Collects triples as ids; literals are counted or become names."""

    def __init__(
        self,
        path: Path,
        entities: Vocabulary,
        relations: Vocabulary,
        literals: Literals,
        blank: Callable[[Any], str],
    ) -> None:
        from rdflib import BNode
        from rdflib import Literal as Value

        self._path, self._entities, self._relations, self._keep = (
            path,
            entities,
            relations,
            literals == "keep",
        )
        self._blank, self._blank_node, self._value = blank, BNode, Value
        self._ids: list[int] = []
        self._left_out = 0

    def triple(self, subject: Any, predicate: Any, obj: Any) -> None:
        if isinstance(obj, self._value) and not self._keep:
            self._left_out += 1
            return
        self._ids += (
            self._entities[self._name(subject)],
            self._relations[self._name(predicate)],
            self._entities[self._name(obj)],
        )

    def triples(self, on_note: Callable[[str], None]) -> Triples:
        what = f"{self._left_out:,} triple{'s' if self._left_out != 1 else ''} whose tail is a literal"
        if not self._ids:
            reason = (
                f"it has only {what} (--literals keep, to keep them)" if self._left_out else "it is empty"
            )
            raise DataError(f"no triple between resources in {self._path}: {reason}")
        if self._left_out:
            on_note(f"{self._path.name}: left out {what}, such as a text or a number")
        return np.array(self._ids, dtype=np.int64).reshape(-1, 3)

    def _name(self, term: Any) -> str:
        if isinstance(term, self._blank_node):
            return self._blank(term)
        if isinstance(term, self._value):
            return _literal(term)
        return str(term).removeprefix(BASE)


class _Labels(dict[str, Any]):
    """rdflib's blank nodes by label, as its parser wants them, and their labels by node."""

    def __init__(self, labels: dict[Any, str]) -> None:
        super().__init__()
        self._labels = labels

    def __setitem__(self, label: str, node: Any) -> None:
        super().__setitem__(label, node)
        self._labels[node] = label


def _literal(value: Any) -> str:
    text = "".join(ESCAPES.get(character, character) for character in str(value))
    if value.language:
        return f'"{text}"@{value.language}'
    return f'"{text}"^^<{value.datatype}>' if value.datatype else f'"{text}"'


def _rdflib(path: Path) -> Any:
    try:
        import rdflib
    except ImportError:
        raise DataError(
            f"reading {path.name} needs rdflib, which is not installed: pip install 'kgtuner[rdf]'"
        ) from None
    return rdflib


@contextmanager
def _quiet() -> Iterator[None]:
    """rdflib logs every IRI and every literal that it finds odd; what cannot be read is an error of ours."""
    logger = logging.getLogger("rdflib.term")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
