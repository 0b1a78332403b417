"""`python -m tests.harness.report.html FOLDER …`: rebuild the page about saved reports, several side by side."""

import argparse
import sys
from pathlib import Path

from tests.harness.evidence.report_folder import SavedRunError
from tests.harness.report.html.page import render
from tests.harness.report.html.report_folder import Saved


def main() -> int:
    """Write the page; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness.report.html", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a report folder of an earlier run")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the page (default: standard output)")
    given = parser.parse_args()
    page_folder = given.output.parent if given.output else Path()
    try:
        saved = [Saved.read(folder, page_folder) for folder in given.folders]
    except SavedRunError as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 1
    page = render(saved)
    if given.output:
        given.output.write_text(page, encoding="utf-8")
    else:
        sys.stdout.buffer.write(page.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
