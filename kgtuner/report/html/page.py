"""From sections to one HTML file that needs nothing else.

Whatever comes from data goes one way only: as JSON in which <, > and & are written as escapes, so that nothing can
end the script element that holds it, and from there as text content into the page. The script that draws the plots
is inside too, compressed; a content security policy forbids every request.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from kgtuner.report.html.blocks import Block
from kgtuner.report.text import printable


def render(
    title: str, sections: Sequence[Block], *, subtitle: str = "", reload_seconds: float | None = None
) -> str:
    """The page as text.

    Args:
        title, subtitle: at the top.
        sections: from `kgtuner.report.html.blocks`.
        reload_seconds: after which the page loads itself again; None for a page that is finished.
    """
    content = {
        "title": printable(title),
        "subtitle": printable(subtitle),
        "sections": list(sections),
        "reload": reload_seconds,
    }
    page: str = _template().render(
        title=printable(title),
        css=_safe(_file("page.css")),
        script=_safe(_file("page.js")),
        content=_safe(script_json(content)),
        plotly=_safe(_plotly()),
    )
    return page


def script_json(value: Any) -> str:
    """JSON that can stand in a script element: no character in it means anything to HTML or to older JavaScript."""
    plain = json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file("page.html"))


def _safe(ours: str) -> Any:
    """Text that is known to be safe where it is put: our own files, and what `script_json` made."""
    from markupsafe import Markup

    return Markup(ours)


@cache
def _file(name: str) -> str:
    return resources.files("kgtuner.report.html").joinpath(name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    """plotly.js from the installed package, compressed, as base64."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode("utf-8"), 9, mtime=0)).decode("ascii")
