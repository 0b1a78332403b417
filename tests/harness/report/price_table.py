"""What a run cost its callers even where it holds, as the terminal shows it."""

from collections.abc import Mapping
from typing import Any

from tests.harness.price.bill import setting_words
from tests.harness.report.html.rows import parts
from tests.harness.report.table import wrapped
from tests.harness.report.wording import MARKS, words

TITLE = "What it costs, even where it holds"


def price_table(bill: Mapping[str, Any] | None, width: int) -> str:
    """Return an entry for each figure: what it is, in which behaviour, whether that holds, and what would lower it."""
    if bill is None:
        return ""
    lines = ["", f"{TITLE}:"]
    if bill["calls"] and not bill["lost"]:
        lines += wrapped(f"calls lost: none of {bill['calls']:,} that a replica could have served", width)
    for behaviour, why in bill["unknown"].items():
        lines += wrapped(f"not known, which is a bug of the suite: {behaviour}: {why}", width)
    for item in bill["items"]:
        lines += wrapped(f"{item['what']}: {item['words']}", width)
        lines += wrapped(f"in: {where(item)}", width, indent=6)
        for setting in item["settings"]:
            lines += wrapped(f"change: {setting_words(setting)}", width, 12, indent=6)
    return "\n".join(lines)


def where(item: Mapping[str, Any]) -> str:
    """Return the behaviour of a figure, and what became of it: "a fully replaced fleet is found (holds)"."""
    return f"{words(parts(str(item['behaviour']))[1])} ({MARKS.get(item['verdict'], item['verdict'])})"
