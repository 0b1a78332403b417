"""What Kubernetes reports about the pods of a namespace, as it changes: one watch instead of many queries."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from tests.harness.world.allowance import may_take
from tests.harness.world.eventually import timed_out
from tests.harness.world.verdict import InconclusiveError
from tests.kind.api import path_of
from tests.kind.kubectl import KubernetesError
from tests.kind.namespace import Namespace

Seen = dict[str, Any]
"""A pod as the API server describes it; {} until it is seen."""

FAILURES = 5
"""Consecutive watches that end with an error before the cluster counts as lost."""


class Watch:
    """Keeps the last state of every pod that ever existed, even after its removal."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._pods: dict[str, Seen] = {}
        self._gone: set[str] = set()
        self._broken = ""
        self._closed = False
        self._changed = threading.Condition()
        self._changes = 0
        self._path = path_of("Pod", namespace.name)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def look(self, name: str) -> Seen:
        """Return the last state of a pod."""
        with self._changed:
            return self._pods.get(name, {})

    def gone(self, name: str) -> bool:
        """Say whether a pod existed and no longer does."""
        with self._changed:
            return name in self._gone

    def names(self) -> list[str]:
        """Return the names of the existing pods."""
        with self._changed:
            return [name for name in self._pods if name not in self._gone]

    def wait(self, condition: Callable[[], object], *, within: float, what: str) -> float:
        """
        Wait until a condition on the pods is true, and return when that was seen.

        Raises InconclusiveError, which names `what` was being waited for, after `within` seconds.
        """
        with may_take(within):
            return self._waited(condition, within, what)

    def _waited(self, condition: Callable[[], object], within: float, what: str) -> float:
        deadline = time.monotonic() + within
        while True:
            with self._changed:
                known = self._changes
            if condition():  # evaluated without the lock, as it may wait for a thread that needs it
                return time.monotonic()
            with self._changed:
                if self._broken:
                    raise InconclusiveError(f"the connection to the cluster was lost: {self._broken}")
                if time.monotonic() > deadline:
                    raise InconclusiveError(timed_out(what, within))
                if known == self._changes:
                    self._changed.wait(min(0.2, max(0.01, deadline - time.monotonic())))

    def close(self) -> None:
        """Stop watching, and close the connection to the cluster: nothing else ends what is being followed."""
        self._closed = True
        self._namespace.api.close()
        self._thread.join(5.0)

    def _run(self) -> None:
        """Watch, and watch again whenever the API server ends a watch, as it does from time to time."""
        failures = 0
        while not self._closed and failures < FAILURES:
            problem = ""
            try:
                self._read(self._namespace.api.follow(self._path + f"?watch=true&resourceVersion={self._list()}"))
            except KubernetesError as error:
                problem = str(error)
            failures = failures + 1 if problem else 0
        if not self._closed:
            with self._changed:
                self._broken = problem
                self._notify()

    def _notify(self) -> None:
        self._changes += 1
        self._changed.notify_all()

    def _list(self) -> str:
        """Read all pods as they are now, mark those removed while nothing watched, and return the resource version."""
        found = self._namespace.api.get(self._path)
        with self._changed:
            there = {pod["metadata"]["name"]: pod for pod in found["items"]}
            self._gone |= set(self._pods) - set(there)
            self._pods |= there
            self._notify()
        return str(found["metadata"]["resourceVersion"])

    def _read(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            event = json.loads(line)
            pod = event["object"]
            if pod.get("kind") != "Pod":
                continue  # an error that ends the watch
            name = pod["metadata"]["name"]
            with self._changed:
                self._pods[name] = pod
                if event["type"] == "DELETED":
                    self._gone.add(name)
                self._notify()
