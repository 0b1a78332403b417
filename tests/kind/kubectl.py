"""kubectl as the suite uses it: one cluster, reached the way the user reaches it."""

import contextlib
import dataclasses
import functools
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.harness.world.answering import PING, Answering
from tests.harness.world.verdict import InconclusiveError

COMMAND_PATIENCE = 60.0
"""Seconds that a command may take on a busy machine; those that wait for something set their own limit."""

NO_KUBECTL = "kubectl is not installed. Install it: https://kubernetes.io/docs/tasks/tools/"

_VARIABLE = "GRPC_LB_CONFORMANCE_CLUSTER"


class KubernetesError(InconclusiveError):
    """A kubectl or kind command failed; the message is the last line of its output."""


class UnansweredError(KubernetesError):
    """A kubectl or kind command did not end."""


@functools.cache
def _answering(context: str, kubeconfig: str, program: str) -> Answering:
    cluster = Cluster(context, kubeconfig, program=program)

    def ping() -> bool:
        try:
            run(cluster.command("get", "--raw=/readyz"), patience=PING)
        except UnansweredError:
            return False
        except KubernetesError:  # a refusal is a reply
            return True
        return True

    return Answering(ping)


@dataclass(frozen=True)
class Cluster:
    """
    A cluster, and what runs on it.

    `context` is one in the `kubeconfig` ("" for the user's own file). `forwarded` means that the gateway is reached
    through the API server instead of at its node. The images are those of the order service and of the subject.
    """

    context: str
    kubeconfig: str = ""
    forwarded: bool = False
    order_image: str = ""
    gateway_image: str = ""
    program: str = "kubectl"

    @classmethod
    def of_this_run(cls) -> "Cluster":
        """Return the cluster that the run's first process chose. Raises InconclusiveError if it chose none."""
        if _VARIABLE not in os.environ:
            raise InconclusiveError("no cluster was created or found for this run")
        return cls(**json.loads(os.environ[_VARIABLE]))

    def keep(self) -> None:
        """Make this the cluster of this run, in its workers too."""
        os.environ[_VARIABLE] = json.dumps(dataclasses.asdict(self))

    def command(self, *arguments: str) -> list[str]:
        """Return the arguments of a kubectl command on this cluster."""
        file = [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []
        return [self.program, f"--context={self.context}", *file, *arguments]

    def server(self) -> str:
        """Return the address of its API server: contexts of several kubeconfigs may have the same name."""
        return self.kubectl("config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}")

    def kubectl(
        self, *arguments: str, given: str = "", patience: float = COMMAND_PATIENCE, log: Path | None = None
    ) -> str:
        """Run kubectl with `given` on its standard input and return what it printed. Raises KubernetesError."""
        with self.requested(patience):
            return run(self.command(*arguments), given=given, patience=patience, log=log)

    @contextlib.contextmanager
    def requested(self, patience: float = COMMAND_PATIENCE) -> Iterator[None]:
        """
        Make a request within; one that is left unanswered is remembered, unless it was to wait for something.

        Raises KubernetesError if its API left a request of this process unanswered, and still does not answer.
        """
        answering = _answering(self.context, self.kubeconfig, self.program)
        if not answering.answers():
            raise KubernetesError(
                f"the cluster's API does not respond: it left a request unanswered for {COMMAND_PATIENCE:.0f} s"
            )
        try:
            yield
        except UnansweredError:
            if patience <= COMMAND_PATIENCE:
                answering.left_unanswered()
            raise


def run(command: list[str], *, given: str = "", patience: float = COMMAND_PATIENCE, log: Path | None = None) -> str:
    """
    Run a command and return its output; with `log` all of it is kept there.

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
            start_new_session=True,  # Ctrl-C is for us: an interrupted command could leave something half done
        )
    except FileNotFoundError:
        raise KubernetesError(
            NO_KUBECTL if command[0].endswith("kubectl") else f"{command[0]} is not installed"
        ) from None
    except subprocess.TimeoutExpired:
        raise UnansweredError(f"`{short} …` took longer than {patience:.0f} s") from None
    if log is not None:
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode != 0:
        errors = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise KubernetesError(errors[-1] if errors else f"`{short} …` failed without output")
    return done.stdout.strip()
