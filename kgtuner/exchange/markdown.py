"""Texts from data in Markdown, where they must stay texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kgtuner.report.text import printable


def in_markdown(text: object) -> str:
    """Text with everything escaped that Markdown or HTML would act on, on one line."""
    plain = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]#|!~])", r"\\\1", plain)


def bullets(sentences: Sequence[str], otherwise: str) -> str:
    """A list, or what to say when there is nothing to list."""
    return "\n".join(f"- {in_markdown(sentence)}" for sentence in sentences) or otherwise
