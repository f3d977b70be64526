"""Names that look as if a wrong encoding had been assumed somewhere, or that only look different."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice

EXAMPLES = 3
BLOCK = 10_000  # names that are looked at together, as most have nothing

# A replacement character, a control character, or UTF-8 that was read as Latin-1 or Windows-1252.
DAMAGED = re.compile(
    "[\ufffd\x00-\x1f\x7f-\x9f]|[ÃÂÐÑ][\u0080-\u00bf\u0152-\u0178\u2018-\u2030\u2039\u203a\u20ac\u2122]|â€"
)
AROUND = re.compile(r"\|\s|\s\|")


def doubtful_names(
    entities: Sequence[str], relations: Sequence[str]
) -> Iterator[tuple[str, int, tuple[str, ...], str]]:
    """(kind, count, examples, message) of damaged names, and of names of one kind that look the same."""
    for what, names in (("entity", entities), ("relation", relations)):
        damaged = [
            name
            for some in _blocks(names)
            if DAMAGED.search("|".join(some))
            for name in some
            if DAMAGED.search(name)
        ]
        if damaged:
            shown = tuple(damaged[:EXAMPLES])
            number = f"{len(damaged):,} {what} name{'s look' if len(damaged) != 1 else ' looks'}"
            yield (
                "encoding",
                len(damaged),
                shown,
                f"{number} damaged by a wrong encoding or a control character, for example "
                f"{', '.join(map(repr, shown))}",
            )
        alike = _look_alikes(names)
        if alike:
            shown = tuple(f"{a!r} and {b!r}" for a, b in alike[:EXAMPLES])
            yield (
                "look_alikes",
                len(alike),
                shown,
                f"{len(alike):,} {what} name{'s differ' if len(alike) != 1 else ' differs'} from another only in "
                f"spaces around it or in its Unicode normal form, for example {', '.join(shown)}",
            )


def _look_alikes(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of names that are one after NFC and without the spaces around them."""
    unusual = {}
    for some in _blocks(names):
        text = f"|{'|'.join(some)}|"
        if text.isascii() and not AROUND.search(text):
            continue
        for name in some:
            plain = unicodedata.normalize("NFC", name.strip())
            if plain != name:
                unusual[name] = plain
    if not unusual:
        return []
    wanted = set(unusual.values())
    first = {name: name for name in names if name in wanted and name not in unusual}
    pairs = []
    for name, plain in unusual.items():
        if first.setdefault(plain, name) != name:
            pairs.append((first[plain], name))
    return pairs


def _blocks(names: Sequence[str]) -> Iterator[list[str]]:
    every = iter(names)
    while some := list(islice(every, BLOCK)):
        yield some
