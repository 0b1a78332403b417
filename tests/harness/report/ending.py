"""With which exit status a run ends."""

from collections.abc import Sequence

from tests.harness.world.verdict import Verdict

CONFORMANT, NONCONFORMANT, INTERRUPTED, INTERNAL_ERROR, USAGE_ERROR, NOTHING_RAN, INCONCLUSIVE = range(7)
"""The exit statuses; 2 to 5 are pytest's own."""


def exit_status(pytests: int, verdicts: Sequence[Verdict], subject: str | None, *, own_failed: bool) -> int:
    """
    Return the exit status of a run that pytest would end with `pytests`.

    `verdicts` are all of them, negative controls included; `subject` is the verdict on the subject, None if the run was
    not about it; `own_failed` tells whether a test of the suite itself failed. Only a wrong subject, a control or a
    test of the suite makes it 1.
    """
    if pytests not in {CONFORMANT, NONCONFORMANT, NOTHING_RAN}:
        return pytests
    if own_failed or any(verdict.fails_the_run for verdict in verdicts):
        return NONCONFORMANT
    if subject is None:
        return pytests
    return CONFORMANT if subject == Verdict.CONFORMANT else INCONCLUSIVE


def with_trouble(status: int, trouble: int) -> int:
    """Return the exit status if the report could not be written: without one, nothing is shown to be conformant."""
    return trouble if status == CONFORMANT else status
