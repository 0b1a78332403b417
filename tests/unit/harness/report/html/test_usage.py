"""What the page shows of a gateway's resources, and of checks that could not judge."""

from tests.harness.evidence.history import History
from tests.harness.report.html.usage import unchecked, used
from tests.unit.helpers.story import Story


def history(*descriptors: int | None) -> History:
    """Return samples with so many descriptors, of one process."""
    story = Story()
    for number, count in enumerate(descriptors):
        sample = {"descriptors": count, "threads": 8, "memory": (40 + number) * 2**20, "cpu": 0.1 * number}
        story.event(1.0 + number, "resources", pid=7, **sample)
    return (
        story.event(9.0, "checked", held=[], absent={"an_idle_gateway_uses_no_cpu": "it was never idle"}).case().history
    )


def test_usage_is_told_from_the_least_to_the_most() -> None:
    """Descriptors, threads, memory, and the CPU of each process up to its last sample."""
    words = "16 to 18 descriptors, 8 threads, 40 to 42 MiB of memory, 0.2 s of CPU since its start"

    assert used(history(16, 18, 17)) == words


def test_what_the_kernel_hides_is_left_out() -> None:
    """And a record without samples shows nothing."""
    assert used(history(None)) == "8 threads, 40 MiB of memory, 0.0 s of CPU since its start"
    assert used(Story().case().history) == ""


def test_checks_that_could_not_judge_are_named_with_the_reason() -> None:
    """In words."""
    assert list(unchecked(history(16))) == [("an idle gateway uses no cpu", "it was never idle")]
