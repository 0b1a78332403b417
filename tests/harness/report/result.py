"""One line of the report: the verdict on one run of a behaviour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from tests.harness.harmless import harmless, harmless_members
from tests.harness.world.verdict import Verdict


@dataclass(frozen=True)
class Result:
    """
    The verdict on one run of a behaviour; `seconds` is its whole cost, restoring the environment included.

    `bound` is what `measured` is held against, "" where the behaviour does not say. `expected` is why it was expected
    to fail, a known failure or a library property, or "". From `seen` on five are filled in for one that did not hold:
    what was seen, the most likely `cause` in words, its `suspects` by name (several where the evidence leaves several),
    what fixes it, and how sure that is. `price` is what it cost callers (price/price.py), None if nothing tells.

    `exercised` is what its gateway was seen to do, `vacuous_without` what a gateway has to do somewhere in the run for
    it to show anything, and `untested` why it shows nothing although it holds, "" if it does. `library` is the gRPC
    library that made its calls, by their user-agent, "" where that is not known.

    Every text in it is harmless, as every report is made of it.
    """

    id: str
    file: str
    behaviour: str
    claim: str
    environment: str
    mutant: str | None
    verdict: Verdict
    measured: str
    message: str
    seconds: float
    timeline: str
    bound: str = ""
    expected: str = ""
    seen: str = ""
    cause: str = ""
    suspects: Sequence[str] = ()
    remedy: str = ""
    sureness: str = ""
    price: Mapping[str, Any] | None = None
    exercised: Mapping[str, bool] | None = None
    vacuous_without: Sequence[str] = ()
    untested: str = ""
    library: str = ""

    def __post_init__(self) -> None:
        """Make harmless what quotes the subject, or the world that a saved run recorded."""
        for member in fields(self):
            value = getattr(self, member.name)
            if type(value) is str:
                object.__setattr__(self, member.name, harmless(value))
        if self.price is not None:
            object.__setattr__(self, "price", harmless_members(self.price))


def overall(verdicts: Sequence[Verdict], broken_off: str = "") -> str:
    """
    Return the verdict on the subject: wrong beats "could not judge", and that beats right.

    Right takes at least one behaviour that holds, and a run that was not broken off.
    """
    if any(verdict.fails_the_run for verdict in verdicts):
        return Verdict.NONCONFORMANT
    if broken_off or Verdict.INCONCLUSIVE in verdicts or not any(verdict.holds for verdict in verdicts):
        return Verdict.INCONCLUSIVE
    return Verdict.CONFORMANT
