"""What an environment knows of the running subject."""

from typing import Protocol


class Gateway(Protocol):
    """The running subject."""

    @property
    def url(self) -> str:
        """Where orders are placed."""

    @property
    def running(self) -> bool:
        """Whether it is still running."""

    @property
    def pid(self) -> int | None:
        """Its process id on this machine, None if unknown."""

    def check(self) -> None:
        """Raise SubjectDiedError, with the end of its log, if it has exited by itself."""

    def end(self) -> None:
        """Take it down, with everything it held."""
