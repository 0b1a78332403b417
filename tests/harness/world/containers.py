"""
What the environments of containers share.

Many things happen at the same time, services end in containers that live on, and certificates are copied into them.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.harness.subject.backend import NAME, PORT, Backend
from tests.harness.subject.files import IN_CONTAINERS, filled_files
from tests.harness.subject.placeholders import Places
from tests.harness.world.authority import Certificates
from tests.harness.world.replica import ReplicaOfInstances

CERTIFICATES = f"{IN_CONTAINERS}/tls"
"""The folder in the container of an order service that has its certificates."""

TARGET = "ORDER_SERVICE_TARGET"
"""The variable of a gateway with the target that it dials."""

CONTAINER_DELAY = 2.0
"""*Patience.* Seconds within which a line of a container's output is here."""


class CertificatesInContainers:
    """The certificates of a run, as replicas and gateways in containers have them."""

    def __init__(self, folder: Path) -> None:
        self._certificates = Certificates(folder)

    def replica_variables(self, mode: str, name: str, *also: str) -> dict[str, str]:
        """Return the variables of an order service over TLS, whose service has that name, and also these."""
        return {**self._certificates.replica_variables(mode, name, [name, *also]), "TLS_FOLDER": CERTIFICATES}

    def replica_files(self, name: str) -> dict[str, bytes]:
        """Return the files of such an order service, by their paths."""
        return {f"{CERTIFICATES}/{file}": content for file, content in self._certificates.contents(name).items()}

    def filled(self, mode: str, files: Mapping[str, Path], places: Places) -> tuple[Places, dict[str, bytes]]:
        """Return the addresses of a gateway with the paths of all its files in them, and these by their paths."""
        own = {name: Path(file) for name, file in self._certificates.files(mode).items()}
        paths = {name: f"{IN_CONTAINERS}/{file.name}" for name, file in own.items()}
        complete, copies = filled_files(files, replace(places, files=paths), IN_CONTAINERS)
        return complete, {**copies, **{paths[name]: file.read_bytes() for name, file in own.items()}}

    def variables(self, mode: str) -> dict[str, str]:
        """Return the variables of a gateway that is configured to speak TLS; none in plaintext."""
        own = self._certificates.files(mode)
        return {name.upper(): f"{IN_CONTAINERS}/{Path(file).name}" for name, file in own.items()}

    def remove(self) -> None:
        """Remove those on this machine; a second call does nothing."""
        self._certificates.remove()


def pointing_at(backend: Backend) -> dict[str, str]:
    """Return the variable that points a gateway at its service, none where that has the usual name and port."""
    return {} if (backend.name, backend.port) == (NAME, PORT) else {TARGET: f"dns:///{backend.name}:{backend.port}"}


def in_parallel(actions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run these at the same time and return their results. Raises what one of them raised, once all are done."""
    with ThreadPoolExecutor(max(len(actions), 1)) as pool:
        return [done.result() for done in [pool.submit(action) for action in actions]]


def restart_services(replicas: Sequence[ReplicaOfInstances[Any]], variables: Mapping[str, str]) -> float:
    """Kill the services in containers that live on, and start them there; return when all were seen to serve."""
    in_parallel([replica.do_kill for replica in replicas if replica.running])
    served: list[float] = in_parallel([partial(replica.start_service, variables) for replica in replicas])
    return max(served)
