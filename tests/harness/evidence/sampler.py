"""The gateway's resources while a behaviour runs, once a second, as events of its timeline."""

import dataclasses
import threading
from collections.abc import Callable, Mapping
from typing import Any

from tests.harness.world.resources import Resources, machine, resources, waits

EVERY = 1.0
"""
Seconds between two samples.

Reading one took 0.2 ms for the reference gateway and 10 ms for a process with 40 threads and 67 descriptors: a
hundredth of a core.
"""

SAMPLE = "resources"
"""
The timeline's event: the members of `Resources`, `pid`, the seconds of CPU of the whole `machine`, and `waits`: for how
long each thread waited for a CPU since the sample before.
"""

LEAST = 0.001
"""Seconds of waiting in a sample below which a thread is not listed."""


class Sampler:
    """A thread that reports what the gateway uses; `gateway` returns its process id, None where it is not known."""

    def __init__(
        self,
        tell: Callable[[dict[str, Any]], None],
        gateway: Callable[[], int | None],
        read: Callable[[int], Resources | None] = resources,
        every: float = EVERY,
    ) -> None:
        """Start."""
        self._tell, self._gateway, self._read, self._every = tell, gateway, read, every
        self._waited: tuple[int, Mapping[str, float]] | None = None  # a process, and the waits of its threads
        self._looking = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="sampler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take a last sample, and stop; nothing is reported after that."""
        self._over.set()
        self._thread.join()
        self.look()

    def _sample(self) -> None:
        while not self._over.wait(self._every):
            self.look()

    def look(self) -> None:
        """Take a sample now."""
        pid = self._gateway()
        with self._looking:
            used = None if pid is None else self._read(pid)
            if pid is not None and used is not None:
                self._tell({"pid": pid, **dataclasses.asdict(used), "machine": machine(), "waits": self._waits(pid)})

    def _waits(self, pid: int) -> dict[str, float]:
        """Return for how long each thread waited since the last sample, or since its process started after that."""
        now = waits(pid)
        known, before = self._waited or (pid, now)
        if known != pid:
            before = {}
        self._waited = pid, now
        grown = {thread: round(seconds - before.get(thread, 0.0), 3) for thread, seconds in now.items()}
        return {thread: seconds for thread, seconds in grown.items() if seconds >= LEAST}
