"""kubectl as the suite uses it: one cluster, reached as the user reaches it."""

import dataclasses
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.harness.world.verdict import InconclusiveError

COMMAND_PATIENCE = 60.0
"""Seconds that one command may take on a busy machine; those that wait for something say how long."""

NO_KUBECTL = "there is no kubectl command. Install it: https://kubernetes.io/docs/tasks/tools/"

_VARIABLE = "GRPC_LB_CONFORMANCE_CLUSTER"


class KubernetesError(InconclusiveError):
    """A kubectl or kind command failed; the message is the last line that it said."""


@dataclass(frozen=True)
class Cluster:
    """
    A cluster, and what runs on it.

    `context` is one of the kubeconfig ("" for the user's own file); `forwarded` says that the gateway is reached
    through the API server instead of at its node; the images are those of the order service and of the subject.
    """

    context: str
    kubeconfig: str = ""
    forwarded: bool = False
    order_image: str = ""
    gateway_image: str = ""
    program: str = "kubectl"

    @classmethod
    def of_this_run(cls) -> "Cluster":
        """Return the one that the run's first process chose. Raises InconclusiveError if it chose none."""
        if _VARIABLE not in os.environ:
            raise InconclusiveError("no cluster was made or found for this run")
        return cls(**json.loads(os.environ[_VARIABLE]))

    def keep(self) -> None:
        """Make this the cluster of this run, in its workers too."""
        os.environ[_VARIABLE] = json.dumps(dataclasses.asdict(self))

    def command(self, *arguments: str) -> list[str]:
        """Return the words of a kubectl command on this cluster."""
        file = [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []
        return [self.program, f"--context={self.context}", *file, *arguments]

    def kubectl(
        self, *arguments: str, given: str = "", patience: float = COMMAND_PATIENCE, log: Path | None = None
    ) -> str:
        """Run kubectl with `given` on its standard input and return what it printed. Raises KubernetesError."""
        return run(self.command(*arguments), given=given, patience=patience, log=log)


def run(command: list[str], *, given: str = "", patience: float = COMMAND_PATIENCE, log: Path | None = None) -> str:
    """
    Run a command and return what it printed; with `log` all that it says is kept there.

    Raises KubernetesError if it fails or takes longer than `patience` seconds.
    """
    short = " ".join([command[0], *(word for word in command[1:] if not word.startswith("--"))][:3])
    try:
        done = subprocess.run(  # noqa: S603, our own command
            command,
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
            check=False,
            start_new_session=True,  # Ctrl-C is ours: a command that is cut short could leave half of something
        )
    except FileNotFoundError:
        raise KubernetesError(
            NO_KUBECTL if command[0].endswith("kubectl") else f"there is no {command[0]} command"
        ) from None
    except subprocess.TimeoutExpired:
        raise KubernetesError(f"`{short} …` took longer than {patience:.0f} s") from None
    if log is not None:
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise KubernetesError(said[-1] if said else f"`{short} …` failed without a word")
    return done.stdout.strip()
