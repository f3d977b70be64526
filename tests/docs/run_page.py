"""Runs the blocks of one page: `python run_page.py BLOCKS.json`, in the page's folder.

Python blocks share one namespace, as in a notebook; bash blocks run in between, in their place.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def main(listing: str) -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    from pages import Block, apply_diff
    from shorter import install

    install()
    sys.path[0] = ""  # as in a notebook: the page's own files can be imported, these cannot
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for entry in json.loads(Path(listing).read_text(encoding="utf-8")):
        block = Block(**entry)
        began = time.monotonic()
        print(f"--- {block.where} {block.language} {block.words}", file=sys.stderr, flush=True)
        if block.title is not None:
            target = Path(block.title)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.code, encoding="utf-8")
        elif block.language == "diff":
            apply_diff(block.code, Path())
        elif block.language == "python":
            exec(compile(block.code, block.where, "exec"), namespace)  # what a reader would paste
        else:
            code = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", block.code], check=False).returncode
            if bool(code) != block.fails:
                sys.exit(f"{block.where} ended with exit code {code}")
        sys.stdout.flush()
        print(f"--- {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
