"""What the environments of containers share: many things at the same time, and services that end in living ones."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from tests.harness.world.replica import ReplicaOfInstances

CONTAINER_DELAY = 2.0
"""*Patience.* Seconds within which a line of a container's output is here."""


def in_parallel(actions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run these at the same time and return their results. Raises what one of them raised, once all are done."""
    with ThreadPoolExecutor(max(len(actions), 1)) as pool:
        return [done.result() for done in [pool.submit(action) for action in actions]]


def restart_services(replicas: Sequence[ReplicaOfInstances[Any]], variables: Mapping[str, str]) -> float:
    """Kill the services in containers that live on, and start them there; return when all were seen to serve."""
    in_parallel([replica.do_kill for replica in replicas if replica.running])
    served: list[float] = in_parallel([partial(replica.start_service, variables) for replica in replicas])
    return max(served)
