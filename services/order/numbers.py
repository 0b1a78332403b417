"""
The numbers that stand for calls where no more than a number comes through, such as the id of an order in an integer.

They fit into 31 bits, and are neither sizes nor times; of foreign numbers of 32 bits 1 in 700 is among them:

    1,900,000,000 + n                 the call with the number n, which has no fault plan
    1,902,000,000 + 1,000 s + k       the call with the number 1,000 b + k, where the slot s stands for b and a plan

Replicas learn the slot beforehand (plans.py), and the run of the ids from NUMBERS_OF.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

FIRST, PLANNED, END = 1_900_000_000, 1_902_000_000, 1_906_000_000
BLOCK = 1_000
SLOTS = (END - PLANNED) // BLOCK

ABSENT = 0
"""No number."""

_IN_TEXT = re.compile(rb"(?<![0-9.])190[0-5][0-9]{6}(?![0-9])")


class Slot(NamedTuple):
    """What a slot stands for: the calls of a block, with one plan."""

    number: int
    block: int
    plan: str

    def order_id(self, run: str, number: int) -> str:
        """Return the id of the call that a number stands for."""
        return f"{run}-{self.block * BLOCK + (number - PLANNED) % BLOCK}~{self.plan}"


def slot_of(number: int) -> int:
    """Return the slot of a number, -1 if its call has no plan."""
    return (number - PLANNED) // BLOCK if number >= PLANNED else -1


def is_ours(number: int) -> bool:
    """Say whether a number may stand for a call."""
    return FIRST <= number < END


def in_text(text: bytes) -> int:
    """Return the first of our numbers that is written in a text, in decimal digits; ABSENT without one."""
    return in_integers(int(match[0]) for match in _IN_TEXT.finditer(text))


def in_integers(integers: Iterable[int]) -> int:
    """Return the first of our numbers among these; ABSENT without one."""
    return next((integer for integer in integers if is_ours(integer)), ABSENT)


def zigzag(integers: Iterable[int]) -> Iterator[int]:
    """Yield what varints mean in a field of sint32 or sint64, as far as that is positive."""
    return (integer // 2 for integer in integers if not integer % 2)
