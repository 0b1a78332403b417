"""What the runs of a page cost their callers, each figure with a link to the behaviour that it is from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.harness.price.bill import setting_words
from tests.harness.report.html.report_folder import Saved
from tests.harness.report.html.rows import Row
from tests.harness.report.price_table import where


def bills(reports: Sequence[Saved], rows: Sequence[Row]) -> Iterator[Mapping[str, Any]]:
    """Yield the bill of each report that has one; older ones have none."""
    cards = [card for row in rows for card in row.cards if card]
    for saved in reports:
        bill = saved.document.get("price")
        if bill is None:
            continue
        links = {card.result["id"]: card.anchor for card in cards if card.column.saved is saved and "id" in card.result}
        yield {**bill, "name": saved.name, "items": [_item(item, links) for item in bill["items"]]}


def _item(item: Mapping[str, Any], links: Mapping[str, str]) -> Mapping[str, Any]:
    settings = [setting_words(setting) for setting in item["settings"]]
    return {**item, "where": where(item), "link": links.get(item["behaviour"], ""), "settings": settings}
