"""
How a wait continues beyond its bound while a busy machine may be why that was missed.

Where the wait ended at its bound, no one could tell a gateway that was late by what the machine took from one that
never arrives. The verdict is that of the bound; what follows shows by how many seconds it was missed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.harness.world.allowance import may_take
from tests.harness.world.missed import Missed

MORE = 1.25
"""How often what the machine took is waited for: not all that it took is known before the behaviour has ended."""

LONGEST = 20.0
"""
*Patience.* Seconds that a wait may continue, unless it was longer itself.

On two cores with 15 busy loops the threads of a gateway wait, together, for up to 0.9 s of a second. A bound of 1.5 s
is missed by more than that after 14 s.
"""


@dataclass
class Overtime:
    """
    What followed a bound that was missed.

    The verdict is that of the look that ended at `decided` (monotonic). At `seconds` beyond the bound the condition
    still failed; `held` tells whether it held after that.
    """

    decided: float
    seconds: float = 0.0
    held: bool = False

    @property
    def note(self) -> str:
        """What it showed, as a note to an error."""
        then = ", and held after that" if self.held else ""
        return f"The machine was busy: still failing {self.seconds:.2f} s after the bound{then}."

    def missed(self, began: float, within: float) -> Missed:
        """Return by how much a wait missed its bound."""
        return Missed(self.seconds, began, began + within + self.seconds)


class Extension:
    """How long a wait that `began` may continue: what the machine has taken since, and some more."""

    def __init__(self, began: float, within: float) -> None:
        self._began, self._most = began, max(within, LONGEST)
        self._seconds = 0.0

    def covers(self, overrun: float) -> bool:
        """Say whether the wait may continue so many seconds after its bound."""
        if overrun >= self._seconds:
            self._seconds = min(MORE * taken_since(self._began), self._most)
            with may_take(self._seconds):
                pass
        return overrun < self._seconds


_taken: Callable[[float], float] | None = None


def measure_with(taken: Callable[[float], float] | None) -> None:
    """Let `taken` tell what the machine took since a moment (monotonic); None: nothing."""
    global _taken  # noqa: PLW0603, one behaviour at a time runs in a process
    _taken = taken


def taken_since(moment: float) -> float:
    """Return the seconds that a busy machine took since then from all who take part."""
    return _taken(moment) if _taken else 0.0
