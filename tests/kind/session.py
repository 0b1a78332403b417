"""
What must exist before the first pod: kubectl, a cluster, and the images in it; then a namespace per environment.

This is checked before anything is collected: anything missing is then reported in one line, and nothing has to be taken
down.
"""

import contextlib
import dataclasses
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.docker import DockerError, remove_run
from tests.compose.images import ORDER_IMAGE, build_images, label_of
from tests.harness.plugin.place import starting
from tests.harness.plugin.results import KEPT
from tests.harness.plugin.selection import SUBJECT, asked_for
from tests.harness.world.verdict import InconclusiveError
from tests.kind.api import Api
from tests.kind.cluster import (
    OPTIONS,
    PLUGIN,
    Kind,
    Tools,
    check_images,
    other_cluster,
    remove_namespaces,
    sweep_clusters,
    sweep_namespaces,
)
from tests.kind.environment import KindEnvironment
from tests.kind.kubectl import Cluster, KubernetesError
from tests.kind.namespace import Namespace
from tests.loopback.process import LABEL

_KIND = pytest.StashKey[Kind]()
_CLUSTER = pytest.StashKey[Cluster]()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the options for a cluster other than kind's, and where pytest-kind is not installed, its own."""
    group = parser.getgroup("conformance")
    group.addoption(
        "--kube-context", metavar="NAME", help="run on this cluster of your kubeconfig, not on one of kind's"
    )
    prefix = "where the cluster of --kube-context pulls the image grpc-lb-conformance from; push it there first"
    group.addoption("--image-prefix", metavar="REGISTRY/PATH", help=prefix)
    if not pluginmanager.has_plugin(PLUGIN):
        for name in OPTIONS:
            group.addoption(name, help="as with pytest-kind, which is not installed")
        group.addoption("--keep-cluster", action="store_true", help="likewise")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Prepare a cluster and the images in it. Raises UsageError, which names what is missing."""
    config = session.config
    if not _ours(config) or config.option.collectonly:
        return
    folder = starting(config, "kind")
    try:
        cluster = _other(config) if config.getoption("--kube-context") else _kind(config, folder)
        config.stash[_CLUSTER] = cluster
        sweep_namespaces(cluster)
        if cluster.forwarded:
            check_images(cluster, os.environ[LABEL], folder)
    except InconclusiveError as error:
        raise pytest.UsageError(f"Kubernetes: {error}") from None
    cluster.keep()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what an interrupted worker may have left behind, the cluster if this run created it, and built images."""
    if not _ours(config):
        return
    kind = config.stash.get(_KIND, None)
    if kind is not None and kind.ours and not _kept(config):
        kind.down()
    elif _CLUSTER in config.stash:
        with contextlib.suppress(KubernetesError):  # it is no longer reachable: the next run sweeps
            remove_namespaces(config.stash[_CLUSTER], os.environ[LABEL])
    if kind is not None:
        with contextlib.suppress(DockerError):  # no Docker, nothing left
            remove_run(os.environ[LABEL])


def _ours(config: pytest.Config) -> bool:
    """Whether this process takes care of the cluster: not a worker, and only if kind was requested."""
    return asked_for("kind", config) and not hasattr(config, "workerinput")


def _kept(config: pytest.Config) -> bool:
    return bool(config.getoption("--keep") or config.getoption("--keep-cluster"))


def _kind(config: pytest.Config, folder: Path) -> Cluster:
    """Prepare a kind cluster, created if it does not exist, with the images in it."""
    tools = Tools.found(config)
    sweep_clusters(tools.kind)
    kind = config.stash[_KIND] = Kind(tools, config, folder / "kind.log")
    subject = build_images(config.stash[SUBJECT], label_of(config), folder)
    cluster = kind.up()
    for image in {ORDER_IMAGE, subject} - {""}:
        kind.load(image)
    if kind.ours and _kept(config):
        config.stash[KEPT].append(f"kind delete cluster --name={kind.name}")
    return dataclasses.replace(cluster, order_image=ORDER_IMAGE, gateway_image=subject)


def _other(config: pytest.Config) -> Cluster:
    """Use an existing cluster, for which the images have been pushed."""
    prefix = config.getoption("--image-prefix")
    if not prefix:
        raise KubernetesError(
            "--kube-context needs --image-prefix: where the cluster pulls the image grpc-lb-conformance from. Push it: "
            "`docker build --file services/Dockerfile --tag REGISTRY/PATH/grpc-lb-conformance . && docker push …`"
        )
    order = f"{prefix.rstrip('/')}/{ORDER_IMAGE}"
    return dataclasses.replace(other_cluster(config), order_image=order, gateway_image=_subject(config, order))


def _subject(config: pytest.Config, order: str) -> str:
    """Return the image of the subject as the cluster pulls it."""
    subject = config.stash[SUBJECT]
    if subject.build:
        raise KubernetesError(
            f"the subject's image ([compose] build = {subject.build!r}) is not on the cluster. Build it, push it, and "
            "name it as [compose] image or --gateway-image"
        )
    return order if subject.image == ORDER_IMAGE else subject.image


@pytest.fixture(scope="session")
def kind(request: pytest.FixtureRequest, report_folder: Path) -> Iterator[KindEnvironment]:
    """Run the Kubernetes environment for the session, or for this worker's part of it."""
    folder = report_folder / "kind" / getattr(request.config, "workerinput", {}).get("workerid", "")
    folder.mkdir(parents=True, exist_ok=True)
    kept = request.config.getoption("--keep")
    cluster = Cluster.of_this_run()
    namespace = Namespace(cluster, f"grpc-lb-{secrets.token_hex(4)}", folder, Api(cluster))
    namespace.open("kept" if kept else os.environ[LABEL])
    environment = None
    try:
        environment = KindEnvironment(namespace, request.config.getoption("--replicas"))
        yield environment
    finally:
        if environment is not None:
            environment.end()
        namespace.api.close()
        namespace.save(request.config.stash[SUBJECT].environment)
        if kept:
            request.config.stash[KEPT] += namespace.look_around()
        else:
            namespace.remove()
