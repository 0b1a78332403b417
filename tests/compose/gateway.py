"""The subject on Compose: one container, whose HTTP port is published on 127.0.0.1 at a port that Docker chooses."""

import contextlib
import socket
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tests.compose.container import Container, Launch, Project
from tests.harness.world.eventually import reached
from tests.harness.world.verdict import SubjectDiedError, SubjectUnusableError

HTTP_PORT = 4000

START = 30.0
"""*Patience.* Seconds that a gateway may take to listen; a cold JVM needs a few."""

DYING = 0.5
"""Seconds between a container closing its sockets and its exit being seen."""


class ComposeGateway:
    """A running gateway; the constructor returns once it listens."""

    def __init__(
        self,
        project: Project,
        number: int,
        variables: Mapping[str, str],
        command: Sequence[str] = (),
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        """
        Start the subject, with this command in place of its image's, if there is one, and these files by their paths.

        Raises SubjectUnusableError if it exits or never listens.
        """
        own = {"HTTP_ADDRESS": f"0.0.0.0:{HTTP_PORT}"}
        launch = Launch(
            "gateway", "gateway", number, {**variables, **own}, published=HTTP_PORT, instead=command, files=files
        )
        self._container = Container(project, launch)
        what = f"the gateway listens on port {HTTP_PORT} of its container"
        try:
            self.listened = reached(self._listens, within=START, what=what, error=SubjectUnusableError)
            self.url = f"http://{self._container.published(HTTP_PORT)}"
        except BaseException:
            self.end()
            raise

    @property
    def running(self) -> bool:
        """Whether its container is running."""
        return self._container.running

    @property
    def pid(self) -> int | None:
        """Its process id on this machine, None if the engine is elsewhere."""
        return self._container.pid

    def check(self) -> None:
        """Raise SubjectDiedError, with the end of its log, if it has exited by itself."""
        if self._container.ends_within(DYING):
            raise SubjectDiedError(self._container.last_words())

    def ask_to_stop(self) -> None:
        """Send SIGTERM to its first process, and do not wait."""
        self._container.signal("SIGTERM")

    def ends_within(self, seconds: float) -> bool:
        """Wait that long for it to exit, and say whether it did."""
        return self._container.ends_within(seconds)

    def end(self) -> None:
        """Remove it, with everything it held: the next behaviour starts from scratch."""
        self._container.remove()

    def _listens(self) -> bool:
        if not self.running:
            raise SubjectUnusableError(f"the gateway does not start: {self._container.last_words()}")
        # at the container's own address: Docker accepts at the published port before anything listens behind it
        with contextlib.suppress(OSError), socket.create_connection((self._container.ip, HTTP_PORT), timeout=1.0):
            return True
        return False
