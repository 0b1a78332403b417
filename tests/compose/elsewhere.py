"""
What runs elsewhere may have left on an engine or a cluster that several machines share.

This machine cannot know whether such a run has ended, so nothing of it is removed. What is older than a day is
reported, with the commands that remove it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.compose.docker import IMAGES, KEPT, RUN_LABEL, engine, engine_errors
from tests.harness.world import runs

OLD = timedelta(hours=24)
"""The age from which something is reported; no run takes as long."""

SHOWN = 3
"""The most runs that are reported one by one."""

BY_HAND = ("by-hand", "kept")
"""Labels of what was started by hand, or is to be kept."""


@dataclass(frozen=True)
class Left:
    """Something with the label of a run: `what` it is, and the command that removes all such things of that run."""

    label: str
    what: str
    since: datetime
    remove: str


def reported(found: Iterator[Left], now: datetime) -> list[str]:
    """Return the lines about what is old enough, run by run, with the commands that remove it."""
    old: dict[str, list[Left]] = {}
    for left in found:
        if not _known(left.label) and now - left.since > OLD:
            old.setdefault(left.label, []).append(left)
    lines = []
    for label, things in sorted(old.items())[:SHOWN]:
        counts = Counter(left.what for left in things)
        what = ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items())
        since = min(left.since for left in things)
        lines.append(f"left since {since:%Y-%m-%d %H:%M} UTC by run {label}, which is not of this machine: {what}")
        lines.append(f"if that run has ended: {'; '.join(dict.fromkeys(left.remove for left in things))}")
    if len(old) > SHOWN:
        lines.append(f"and by {len(old) - SHOWN} more runs")
    return lines


def _known(label: str) -> bool:
    """Say whether a label is that of a run of this machine, or of what is there on purpose."""
    return label in BY_HAND or label.endswith(KEPT) or (runs.RUNS / label).is_dir()


def on_engine() -> list[str]:
    """Return the lines about what runs elsewhere left on this engine. Raises DockerError."""
    return reported(_on_engine(), datetime.now(UTC))


def _on_engine() -> Iterator[Left]:
    labelled = {"label": RUN_LABEL}
    with engine_errors("looking for what other runs left"):
        containers, networks = (
            engine().api.containers(all=True, filters=labelled),
            engine().api.networks(filters=labelled),
        )
        images = [image for name in IMAGES for image in engine().api.images(name)]
    for container in containers:
        label = container["Labels"][RUN_LABEL]
        remove = f"docker rm --force --volumes $(docker ps --all --quiet --filter label={RUN_LABEL}={label})"
        yield Left(label, "container", datetime.fromtimestamp(container["Created"], UTC), remove)
    for network in networks:
        label = network["Labels"][RUN_LABEL]
        remove = f"docker network prune --force --filter label={RUN_LABEL}={label}"
        yield Left(label, "network", _time(network["Created"]), remove)
    for image in images:
        for tag in image["RepoTags"] or ():
            label = tag.partition(":")[2]
            if label.count("-") >= 2:  # a run's, not one that was built by hand
                yield Left(label, "image", _tagged(tag), f"docker image rm {tag}")


def _tagged(tag: str) -> datetime:
    """Return when an image got this name: it may have been built long before, for another run."""
    with engine_errors("looking for what other runs left"):
        return _time(engine().images.get(tag).attrs["Metadata"]["LastTagTime"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
