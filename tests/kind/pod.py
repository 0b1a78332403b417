"""
One pod: created from a template of the manifests, deleted by its name, its output kept in files.

A pod runs once: a restart creates a new pod, with its own variables and address.
"""

import contextlib
import copy
import threading
from collections.abc import Mapping
from typing import Any

from tests.harness.world.output import last_output
from tests.harness.world.verdict import InconclusiveError
from tests.kind.api import path_of
from tests.kind.kubectl import KubernetesError
from tests.kind.namespace import Namespace
from tests.kind.watch import Seen, Watch

END = 20.0
"""*Patience.* Seconds that a deleted pod may take to disappear; a node reports it within one or two."""

STARTED = 60.0
"""*Patience.* Seconds until a pod's container is running, on a busy node."""

KILLED = 137
"""The exit status of a container that was killed by SIGKILL: 128 + 9."""

ENDING = 3.0
"""Seconds between the end of a pod's output and its termination being reported, if that is the reason."""

NOWHERE = "no node accepts it"

STUCK = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError")
"""Reasons for a waiting container that do not go away by themselves."""


def pod_of(template: Mapping[str, Any], name: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return a pod from a Deployment's template, with this name and these variables added to the template's."""
    body: dict[str, Any] = copy.deepcopy({"metadata": template["metadata"], "spec": template["spec"]})
    body["metadata"]["name"] = name
    (container,) = body["spec"]["containers"]
    given = [variable for variable in container.get("env", []) if variable["name"] not in variables]
    container["env"] = [*given, *({"name": key, "value": value} for key, value in variables.items())]
    body["spec"].update(enableServiceLinks=False, automountServiceAccountToken=False)
    return {"apiVersion": "v1", "kind": "Pod", **body}


class Pod:
    """An existing pod, or one to come; its output goes to `STEM.out` (lines of a ledger) and `STEM.log`."""

    def __init__(self, namespace: Namespace, watch: Watch, name: str, stem: str) -> None:
        """Follow a pod of this name from its first line to its last."""
        self.name = name
        self.output, self.log = namespace.folder / f"{stem}.out", namespace.folder / f"{stem}.log"
        self.log.touch()
        self._log_start = self.log.stat().st_size
        self._namespace = namespace
        self._watch = watch
        self._follower = threading.Thread(target=self._follow, name=f"log of {name}", daemon=True)
        self._follower.start()

    # What it is

    @property
    def seen(self) -> Seen:
        """Everything that Kubernetes reports about it."""
        return self._watch.look(self.name)

    @property
    def state(self) -> dict[str, Any]:
        """The state of its container: one of "waiting", "running", "terminated", with its details."""
        statuses = self.seen.get("status", {}).get("containerStatuses", [{}])
        state: dict[str, Any] = statuses[0].get("state", {})
        return state

    @property
    def ended(self) -> bool:
        """Whether its container has terminated, or the pod no longer exists."""
        return "terminated" in self.state or self._watch.gone(self.name)

    @property
    def running(self) -> bool:
        """Whether its container is running."""
        return not self.ended and self._follower.is_alive()

    @property
    def ip(self) -> str:
        """Its address; "" while it has none."""
        return str(self.seen.get("status", {}).get("podIP", ""))

    def is_so(self, condition: str) -> bool:
        """Say whether one of its conditions is true ("Ready", "ContainersReady")."""
        conditions = self.seen.get("status", {}).get("conditions", [])
        return any(state["type"] == condition and state["status"] == "True" for state in conditions)

    def wait_for(self, condition: str, *, within: float) -> float:
        """Wait until a condition is true. Raises InconclusiveError, immediately if it never will be."""

        def _true() -> bool:
            self.check_startable()
            if self.ended:
                raise InconclusiveError(self.last_words())
            return self.is_so(condition)

        try:
            return self._watch.wait(_true, within=within, what=f"pod {self.name} is {condition}")
        except InconclusiveError as error:
            raise InconclusiveError(f"{error}{self._why_nowhere()}") from None

    def wait_until_pulled(self, *, within: float) -> None:
        """Wait until its image is on a node. Raises InconclusiveError, immediately if it never will be."""

        def _pulled() -> bool:
            self.check_startable()
            return "running" in self.state or self.ended

        try:
            self._watch.wait(_pulled, within=within, what=f"the image of pod {self.name} is on its node")
        except InconclusiveError as error:
            raise InconclusiveError(f"{error}{self._why_nowhere()}") from None

    def _why_nowhere(self) -> str:
        """Say why no node accepts it, "" if one did: too little memory or disk, a node that is not ready."""
        conditions = self.seen.get("status", {}).get("conditions", [])
        refused = [
            condition
            for condition in conditions
            if condition["type"] == "PodScheduled" and condition["status"] == "False"
        ]
        return "".join(f"; {NOWHERE}: {condition.get('message', '')}" for condition in refused)

    def check_startable(self) -> None:
        """Raise InconclusiveError if its container waits for something that will never happen."""
        waiting = self.state.get("waiting", {})
        if waiting.get("reason") in STUCK:
            raise InconclusiveError(f"pod {self.name}: {waiting['reason']}: {waiting.get('message', '')}")

    # What is done to it

    def signal(self, name: str, command: str) -> str:
        """
        Send a signal to the process with that command line, from within, and return its resulting state.

        The pod's containers share their process ids: as process 1 it would ignore SIGKILL and SIGSTOP.
        """
        source = f"import signal\nname, command = {name!r}, {command!r}\n{_SIGNAL}"
        try:
            return self._namespace.kubectl("exec", self.name, "--", "python", "-c", source)
        except KubernetesError:
            if name == "SIGKILL":  # the command in the container is killed along with it
                return ""
            raise

    def read(self, *files: str) -> str:
        """Return the current content of these files in it."""
        return self._namespace.kubectl("exec", self.name, "--", "cat", *files)

    def set_condition(self, condition: str, *, true: bool) -> None:
        """Set a custom condition that its readiness depends on."""
        status = {"conditions": [{"type": condition, "status": str(true)}]}
        self._namespace.api.patch(self._path("status"), {"status": status})

    def delete(self, *, grace: int | None = None) -> None:
        """Have Kubernetes delete it: SIGTERM, then SIGKILL after this many seconds, the pod's own by default."""
        self._namespace.api.delete(self._path(), **({} if grace is None else {"gracePeriodSeconds": grace}))

    def wait_until_ended(self, *, within: float = END) -> float:
        """Wait until its container has terminated and its output was read to the end; return when it terminated."""
        ended = self._watch.wait(lambda: self.ended, within=within, what=f"pod {self.name} has terminated")
        self.wait_until_read()
        return ended

    def wait_until_read(self) -> None:
        """Wait until the output of a terminated pod was read to its end. Raises InconclusiveError."""
        self._follower.join(END)
        if self._follower.is_alive():
            raise InconclusiveError(f"the output of pod {self.name} does not end")

    def wait_until_gone(self) -> float:
        """Wait until it no longer exists, and its output was read to the end."""
        gone = self._watch.wait(lambda: self._watch.gone(self.name), within=2 * END, what=f"pod {self.name} is removed")
        self.wait_until_read()
        return gone

    def remove(self) -> None:
        """Remove it, running or not; its output is kept. A terminated pod is deleted without waiting."""
        ended = self.ended
        if not self._watch.gone(self.name):
            self.delete(grace=1)
            if not ended:
                self.wait_until_gone()

    # Its output

    def last_words(self, lines: int = 8) -> str:
        """Say how it exited, with its last output, for an error."""
        state = self.state
        ended = state.get("terminated")
        how = f"exited with status {ended['exitCode']}" if ended else "was removed" if self.ended else "is running"
        if waiting := state.get("waiting"):
            how = f"is waiting: {waiting.get('reason')}: {waiting.get('message', '')}".rstrip(": ")
        return f"pod {self.name} {how}{last_output(self.log, self._log_start, lines)}"

    def _follow(self) -> None:
        """Keep its output; Kubernetes mixes stdout and stderr, and lines of a ledger are recognized by their format."""
        with self.output.open("ab", buffering=0) as output, self.log.open("ab", buffering=0) as log:
            try:
                self._watch.wait(lambda: self.ended or "running" in self.state, within=STARTED, what="it has started")
            except InconclusiveError:
                return  # reported by the wait for its readiness
            known = 0
            while not self._namespace.api.closed:
                known = self._read(known, output, log)
                if self.ended or self._seen_ending():
                    return

    def _read(self, known: int, *files: Any) -> int:  # noqa: ANN401, raw binary files
        """Follow its output to the end, skipping the lines already known; return how many are known then."""
        output, log = files
        with contextlib.suppress(KubernetesError):  # it no longer exists, nor does its output
            for number, line in enumerate(self._namespace.api.follow(self._path("log?follow=true")), start=1):
                if number > known:
                    known = number
                    (output if line.startswith(b'{"event": ') else log).write(line + b"\n")
        return known

    def _path(self, also: str = "") -> str:
        return path_of("Pod", self._namespace.name, self.name, also)

    def _seen_ending(self) -> bool:
        """Say whether its output ended because it terminated, not because a connection broke."""
        try:
            self._watch.wait(lambda: self.ended, within=ENDING, what="it has terminated")
        except InconclusiveError:
            return False
        return True


_SIGNAL = r"""
import os, pathlib, sys, time
wanted = command.replace(" ", "\0").encode() + b"\0"
pids = [int(one.parent.name) for one in pathlib.Path("/proc").glob("[0-9]*/cmdline") if one.read_bytes() == wanted]
for pid in pids:
    os.kill(pid, getattr(signal, name))
time.sleep(0.02)
states = [pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in pids]
print("".join(states))
"""
