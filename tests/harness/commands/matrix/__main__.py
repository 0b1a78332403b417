"""
`python -m tests.harness.commands.matrix FOLDER …`: docs/reference/matrix.json and the two pages generated from it.

Without a folder the pages are regenerated from matrix.json; with `--check` it reports instead whether they are stale.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.harness.commands.matrix import markdown
from tests.harness.commands.matrix.layout import COUNTED, LEGEND, LETTERS, NOTHING, layout
from tests.harness.commands.matrix.matrix_json import Entry, collected, text_of
from tests.harness.evidence.report_folder import SavedRunError
from tests.harness.paths import REFERENCE_DOCS
from tests.harness.report.html.page import filled

DOCS = REFERENCE_DOCS


def pages(document: Entry) -> dict[str, str]:
    """Return the content of every file by its name: the document itself and its pages."""
    shown = layout(document)
    html = filled("matrix.html.jinja", shown=shown, letters=LETTERS, legend=LEGEND, counted=COUNTED, nothing=NOTHING)
    return {"matrix.json": text_of(document), "matrix.md": markdown.page(shown), "matrix.html": html}


def stale(docs: Path) -> list[str]:
    """Return a complaint for each file that differs from what docs/reference/matrix.json generates."""
    fresh = pages(_kept(docs))
    kept = {name: docs / name for name in fresh}
    return [
        f"docs/reference/{name} is stale: run `make docs`"
        for name, text in fresh.items()
        if not kept[name].exists() or kept[name].read_text(encoding="utf-8") != text
    ]


def _kept(docs: Path) -> Entry:
    document: Entry = json.loads((docs / "matrix.json").read_text(encoding="utf-8"))
    return document


def main(arguments: Sequence[str]) -> int:
    """Write the files, or report which are stale; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness.commands.matrix", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="the report folder of an earlier run")
    parser.add_argument(
        "--docs", type=Path, default=DOCS, metavar="DIR", help="where the files are (default docs/reference/)"
    )
    parser.add_argument("--check", action="store_true", help="write nothing, report whether the pages are stale")
    given = parser.parse_args(arguments)
    if given.check:
        complaints = stale(given.docs)
        sys.stderr.writelines(f"{complaint}\n" for complaint in complaints)
        return 1 if complaints else 0
    try:
        document = collected(given.folders) if given.folders else _kept(given.docs)
    except SavedRunError as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 1
    for name, text in pages(document).items():
        (given.docs / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
