"""
The verdicts, and the exceptions that mean one.

Rule 1: an AssertionError means that the subject is wrong. Nothing in the harness raises one about itself.
Rule 2: every other exception means that we could not judge, and never reads as success.
Rule 3: an exception from this module explains itself; the report prints its message without a traceback.
Rule 4: it may quote a subject, an engine or a cluster; its message is harmless nevertheless.
"""

from enum import StrEnum

from tests.harness.harmless import HarmlessError


class Verdict(StrEnum):
    """What a run concludes about one behaviour, or about the negative control of one."""

    CONFORMANT = "conformant"
    NONCONFORMANT = "nonconformant"
    INCONCLUSIVE = "inconclusive"
    NOT_JUDGED = "not judged"
    KNOWN_FAILURE = "known failure"
    UNEXPECTEDLY_PASSING = "unexpectedly passing"
    LIBRARY_PROPERTY = "library property"  # it fails, and so does every gateway on this library
    FIXED_UPSTREAM = "fixed upstream"  # it holds although it was a library property
    CAUGHT = "caught"
    SURVIVED = "survived"
    CRASHED = "crashed"
    WRONG_REASON = "wrong reason"  # caught, and the cause named is not the true one

    @property
    def holds(self) -> bool:
        """Whether the behaviour holds."""
        return self in {Verdict.CONFORMANT, Verdict.FIXED_UPSTREAM}

    @property
    def fails_the_run(self) -> bool:
        """Whether the subject, its list of known failures or the suite itself is wrong."""
        return self in {
            Verdict.NONCONFORMANT,
            Verdict.UNEXPECTEDLY_PASSING,
            Verdict.SURVIVED,
            Verdict.CRASHED,
            Verdict.WRONG_REASON,
        }


class SubjectWrongError(HarmlessError, AssertionError):
    """The subject broke its contract or a promise, raised by the harness instead of a behaviour's assert."""


class NeverConnectedError(SubjectWrongError):
    """
    The subject dialled its service, and no handshake of TLS was ever completed.

    It is wrong, no matter which behaviour it was started for.
    """


class SubjectDiedError(HarmlessError):
    """
    The subject's process exited by itself.

    A subject is wrong to do so, but this is not an AssertionError: a mutant that dies has crashed and was not caught.
    """


class InconclusiveError(HarmlessError):
    """We could not judge: the environment did not reach the state that the behaviour needs."""


class NotJudgedError(HarmlessError):
    """The subject does not show what the behaviour needs: the behaviour is not judged, and neither of them is wrong."""


class OverBudgetError(InconclusiveError):
    """A behaviour took longer than its own budgets allow, and was stopped."""


class SubjectUnusableError(InconclusiveError):
    """The subject does not start, or does not serve a single order according to the contract."""
