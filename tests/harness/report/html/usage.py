"""What the gateway used while a behaviour ran, and which checks of every behaviour could not judge it."""

from collections.abc import Iterator, Mapping

from tests.harness.evidence.history import History
from tests.harness.evidence.sampler import SAMPLE


def used(history: History) -> str:
    """Return it in words, from the least to the most: "descriptors 16 to 18, threads 8, …"; "" if not recorded."""
    samples = [event.members for event in history.of_kind(SAMPLE)]
    if not samples:
        return ""
    parts = [_between(samples, name, name) for name in ("descriptors", "threads")]
    parts.append(_between(samples, "memory", "MiB of memory", per=2**20))
    processes = {sample["pid"]: sample["cpu"] for sample in samples}
    parts.append(f"{sum(processes.values()):.1f} s of CPU since its start")
    return ", ".join(filter(None, parts))


def _between(samples: list[Mapping[str, int | None]], name: str, unit: str, per: int = 1) -> str:
    values = [round(value / per) for sample in samples if (value := sample[name]) is not None]
    if not values:
        return ""
    least, most = min(values), max(values)
    return f"{least} {unit}" if least == most else f"{least} to {most} {unit}"


def unchecked(history: History) -> Iterator[tuple[str, str]]:
    """Yield each check that could not judge, in words, and why."""
    for event in history.of_kind("checked"):
        yield from ((name.replace("_", " "), why) for name, why in event.members["absent"].items())
