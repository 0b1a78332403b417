"""The page folded: behaviours by theme, the cases of one together, failures by what causes them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tests.harness.report.html.rows import Card, Column, Row
from tests.harness.report.html.text import cut
from tests.harness.report.wording import case, cases, family, many, theme, words

_WORST_FIRST = ("bad", "unclear", "known", "good", "none")

SHOWN = 6
"""Behaviours of one cause that are listed immediately; the others are a click away."""


def worst(cards: Sequence[Card]) -> Card:
    """Return the first of the cards that say the worst."""
    return min(cards, key=lambda card: _WORST_FIRST.index(card.mark.kind))


def alarming(card: Card | None) -> bool:
    """Say whether it needs attention: it fails or could not be judged, and that was not known."""
    return card is not None and card.mark.kind in {"bad", "unclear"}


@dataclass(frozen=True)
class Cell:
    """What one column shows of several cards; none where it has none."""

    label: str
    cards: Sequence[Card]

    @property
    def worst(self) -> Card:
        """The card with the worst verdict."""
        return worst(self.cards)

    @property
    def counts(self) -> str:
        """How many of those that were judged hold: "10 of 12"."""
        judged = [card for card in self.cards if card.mark.kind != "none"]
        return f"{sum(card.mark.kind == 'good' for card in judged)} of {len(judged)}" if judged else ""


@dataclass(frozen=True)
class Behaviour:
    """One behaviour with all its cases, such as codes: a row each."""

    rows: Sequence[Row]
    cells: Sequence[Cell]

    @property
    def name(self) -> str:
        """It in words; with how many cases hold everywhere if it has several."""
        first = self.rows[0].behaviour
        if len(self.rows) == 1:
            return words(first)
        held = [row for row in self.rows if all(card.holds for card in row.cards if card)]
        return f"{words(family(first))}: {cases(len(held), [case(row.behaviour) for row in self.rows])}"

    @property
    def claim(self) -> str:
        """What it promises."""
        return next((row.claim for row in self.rows if row.claim), "")

    @property
    def alarming(self) -> bool:
        """Whether it is open from the start."""
        return any(alarming(card) for row in self.rows for card in row.cards)

    @property
    def untested(self) -> bool:
        """Whether one of its cases holds and shows nothing."""
        return any(card.result.get("untested") for row in self.rows for card in row.cards if card)

    @property
    def alone(self) -> bool:
        """Whether one card is all there is, so that it need not be folded once more."""
        return sum(card is not None for row in self.rows for card in row.cards) == 1


@dataclass(frozen=True)
class Theme:
    """The behaviours of one file."""

    name: str
    behaviours: Sequence[Behaviour]
    cells: Sequence[Cell]

    @property
    def alarming(self) -> bool:
        """Whether it is open from the start."""
        return any(behaviour.alarming for behaviour in self.behaviours)


def label(column: Column, columns: Sequence[Column]) -> str:
    """Return what a column is called: its environment, and of several reports whose it is."""
    several = len({id(other.saved) for other in columns}) > 1
    return f"{cut(column.saved.name, 30)}, {column.environment}" if several else column.environment


def themes(rows: Sequence[Row], columns: Sequence[Column]) -> Iterator[Theme]:
    """Yield the behaviours by theme."""
    for file, here in groupby(rows, lambda row: row.file):
        found: dict[str, list[Row]] = {}
        for row in here:
            found.setdefault(family(row.behaviour), []).append(row)
        behaviours = [Behaviour(cases_of, list(_cells(cases_of, columns))) for cases_of in found.values()]
        every = [row for cases_of in found.values() for row in cases_of]
        yield Theme(theme(file), behaviours, list(_cells(every, columns)))


def _cells(rows: Sequence[Row], columns: Sequence[Column]) -> Iterator[Cell]:
    for number, column in enumerate(columns):
        yield Cell(label(column, columns), [card for row in rows if (card := row.cards[number])])


@dataclass(frozen=True)
class Item:
    """One behaviour that fails for some cause, in one environment or in several."""

    name: str
    cards: Sequence[Card]

    @property
    def worst(self) -> Card:
        """The card with the worst verdict."""
        return worst(self.cards)

    @property
    def places(self) -> list[Card]:
        """Of each environment in which it fails the worst card."""
        found: dict[int, list[Card]] = {}
        for card in self.cards:
            found.setdefault(id(card.column), []).append(card)
        return [worst(cards_of) for cards_of in found.values()]


@dataclass(frozen=True)
class Cause:
    """A cause, "" where none is known, what fixes it, and the behaviours that it explains."""

    words: str
    remedy: str
    cards: list[tuple[Row, Card]]

    @property
    def alarming(self) -> bool:
        """Whether it explains anything that was not known."""
        return any(alarming(card) for _, card in self.cards)

    @property
    def count(self) -> int:
        """How many behaviours it explains, the cases of one counted once."""
        return len(self.items)

    @property
    def items(self) -> list[Item]:
        """What it explains, the cases of a behaviour together."""
        found: dict[tuple[str, str], list[tuple[Row, Card]]] = {}
        for row, card in self.cards:
            found.setdefault((row.file, family(row.behaviour)), []).append((row, card))
        return [Item(_named([row for row, _ in pairs]), [card for _, card in pairs]) for pairs in found.values()]


def _named(rows: Sequence[Row]) -> str:
    different = dict.fromkeys(row.behaviour for row in rows)
    if len(different) == 1:
        return words(rows[0].behaviour)
    return f"{words(family(rows[0].behaviour))}: {many(len(different), 'case')}"


def causes(rows: Sequence[Row]) -> list[Cause]:
    """Return what does not hold by its causes: what is alarming apart and first, the unexplained last."""
    found: dict[tuple[str, bool], Cause] = {}
    for row in rows:
        for card in row.cards:
            if card and not card.holds:
                why, remedy = _cause(card)
                found.setdefault((why, alarming(card)), Cause(why, remedy, [])).cards.append((row, card))
    return sorted(found.values(), key=lambda cause: (not cause.alarming, not cause.words, -len(cause.cards)))


def _cause(card: Card) -> tuple[str, str]:
    """Return the cause of a behaviour in words and its remedy: that of the run, which several may have in common."""
    result = card.result
    for common in card.column.saved.document.get("causes", ()):
        if common["suspects"] and result.get("id") in {*common["behaviours"], *common["agree"]}:
            return str(common["cause"]), str(common["remedy"])
    known = result.get("suspects")
    return (str(result.get("cause") or ""), str(result.get("remedy") or "")) if known else ("", "")
