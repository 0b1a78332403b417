"""The catalogue and the behaviours agree: every claim is listed, and every promise is claimed or says why not."""

import re

from tests.harness.commands import catalogue
from tests.harness.commands.claims import FILE, claims
from tests.harness.commands.failures import failures

CLAIMED = {claim for behaviour in catalogue.behaviours() for claim in behaviour.ids}
CATALOGUE = claims()


def test_every_claimed_id_is_listed() -> None:
    """In the catalogue, or among the failures that people reported."""
    listed = {claim.id for claim in CATALOGUE} | {failure.id for failure in failures()}

    assert sorted(CLAIMED - listed) == []


def test_every_promise_is_judged_or_says_why_not() -> None:
    """A behaviour claims it, or `not_judged` gives the reason; never both."""
    assert [claim.id for claim in CATALOGUE if (claim.id in CLAIMED) is bool(claim.not_judged)] == []


def test_no_promise_was_lost() -> None:
    """The ids of a group are numbered without a gap, and in the file in that order."""
    numbers: dict[str, list[int]] = {}
    for group, number in re.findall(r"^\[([A-Z]+)-(\d\d)\]$", FILE.read_text(encoding="utf-8"), re.MULTILINE):
        numbers.setdefault(group, []).append(int(number))

    assert numbers == {group: list(range(1, len(found) + 1)) for group, found in numbers.items()}
    assert sum(map(len, numbers.values())) == len(CATALOGUE) - 1, "all but the contract's own have a number"


def test_promises_are_sentences_and_sources_are_exact() -> None:
    """A promise is one sentence; a source names a document, and says where in it if it has headings."""
    known = re.compile(
        r"gRFC A\d+, .+|grpc/grpc(-proto)? \S+\.(md|proto|cc|h)(, .+)?|grpc/grpc#\d+|RFC \d+, section .+"
    )
    own = ("Kubernetes, DNS for Services and Pods", "docs/reference/contract.md, Tier 1: every subject")
    sources = [source for claim in CATALOGUE for source in claim.source.split("; ")]

    assert [claim.id for claim in CATALOGUE if ". " in claim.promise or claim.promise[-1] != "."] == []
    assert [source for source in sources if not known.fullmatch(source) and source not in own] == []


def test_the_page_lists_what_is_not_judged() -> None:
    """With the promise and the reason, one line each."""
    page = catalogue.page()

    for claim in CATALOGUE:
        line = f"| {claim.id} | {claim.promise} | {claim.not_judged} |"
        assert (line in page) is bool(claim.not_judged)
