"""A gateway that is given what it may refuse: that it does not start is then an answer, and no obstacle."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from tests.harness.world.timeline import Verb
from tests.harness.world.verdict import SubjectUnusableError

GIVEN = "give"
"""The verb; its `gateway_variables` are all that the gateway was then started with besides its own."""


class _Starts(Protocol):
    gateway_variables: Mapping[str, str]

    def fresh_gateway(self) -> float: ...

    def disturb(self, verb: str, on: str, **members: object) -> AbstractContextManager[Verb]: ...


class GivesVariables:
    """The part of an environment that starts gateways which may not want to."""

    gateway_variables: Mapping[str, str]

    def gateway_given(self: _Starts, **variables: str) -> str:
        """
        Replace the gateway by one that is started with these variables besides the present ones.

        Returns "" once it listens, whatever it then serves; else how it ended, in the words of its log. Without a
        gateway no order can be placed.
        """
        self.gateway_variables = {**self.gateway_variables, **variables}
        with self.disturb(GIVEN, "gateway", gateway_variables=dict(self.gateway_variables)) as asked:
            try:
                asked.confirmed(self.fresh_gateway())
            except SubjectUnusableError as error:
                return str(error)
        return ""
