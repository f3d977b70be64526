"""Names from a graph as words of a text file, and back.

Formats such as word2vec's separate fields by spaces and have no quoting, so a name with a space, a tab or
a line break would fall apart. Such characters are percent-encoded as in a URL, all others stay readable:
`United States` becomes `United%20States`. The empty name is a lone `%`, which no other name becomes.
"""

from __future__ import annotations

import unicodedata
from urllib.parse import quote, unquote

ALWAYS = '%"'
"""The escape character itself, and the quote that table readers take for the beginning of a field."""

ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that end lines, turn the writing direction or are not seen at all."""


def encoded(name: str, *, spaces: bool = False) -> str:
    """A name as one word; with `spaces` a plain space inside it stays, for files separated by tabs."""
    if not name:
        return "%"
    if name.isalnum():
        return name
    last = len(name) - 1
    kept = [" " if spaces and 0 < i < last else "" for i in range(len(name))]
    return "".join(_encoded(character, keep) for character, keep in zip(name, kept, strict=True))


def decoded(word: str) -> str:
    """The name that `encoded` was given."""
    return "" if word == "%" else unquote(word)


def _encoded(character: str, kept: str) -> str:
    if character == kept:
        return character
    acts = character in ALWAYS or character.isspace() or unicodedata.category(character) in ACTING
    return quote(character, safe="") if acts else character
