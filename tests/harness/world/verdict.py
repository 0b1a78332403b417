"""
The verdicts, and the exceptions that mean one.

Rule 1: an AssertionError says that the subject is wrong. Nothing in the harness raises one about itself.
Rule 2: every other exception says that we could not judge, and that never reads as success.
Rule 3: an exception of this module explains itself in words; the report prints them without a traceback.
"""

from enum import StrEnum


class Verdict(StrEnum):
    """What a run says about one behaviour, or about the negative control of one."""

    CONFORMANT = "conformant"
    NONCONFORMANT = "nonconformant"
    INCONCLUSIVE = "inconclusive"
    NOT_JUDGED = "not judged"
    KNOWN_FAILURE = "known failure"
    UNEXPECTEDLY_PASSING = "unexpectedly passing"
    CAUGHT = "caught"
    SURVIVED = "survived"
    CRASHED = "crashed"
    WRONG_REASON = "wrong reason"  # caught, and the cause named is not the true one

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


class SubjectWrongError(AssertionError):
    """The subject broke its contract or a promise, said by the harness instead of by a behaviour's assert."""


class SubjectDiedError(Exception):
    """
    The subject's process ended by itself.

    Wrong of a subject, but no AssertionError: a mutant that dies has crashed, it was not caught.
    """


class InconclusiveError(Exception):
    """We could not judge: the environment did not get where the behaviour needs it to be."""


class SubjectUnusableError(InconclusiveError):
    """The subject does not start, or does not answer one order as the contract says."""
