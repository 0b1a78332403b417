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

from tests.compose.docker import DockerError, begin_run, end_run
from tests.compose.images import ORDER_IMAGE, build_images, label_of
from tests.harness.plugin.place import starting
from tests.harness.plugin.results import KEPT
from tests.harness.plugin.selection import SUBJECT, asked_for
from tests.harness.plugin.this_run import RUN, interrupted
from tests.harness.world.runs import LABEL
from tests.harness.world.verdict import InconclusiveError
from tests.kind import leftovers
from tests.kind.api import Api
from tests.kind.cluster import OPTIONS, PLUGIN, Kind, Tools, check_images, given_namespaces, kept, other_cluster
from tests.kind.environment import KindEnvironment
from tests.kind.kubectl import Cluster, KubernetesError
from tests.kind.namespace import Namespace, remove_objects

_KIND = pytest.StashKey[Kind]()
_CLUSTER = pytest.StashKey[Cluster]()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the options for a cluster other than kind's, and where pytest-kind is not installed, its own."""
    group = parser.getgroup("conformance")
    group.addoption(
        "--kube-context", metavar="NAME", help="run on this cluster of your kubeconfig, not on one of kind's"
    )
    given = "use these existing, empty namespaces, one for each worker, instead of creating some; with --kube-context"
    group.addoption("--kube-namespaces", metavar="LIST", help=given)
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
        cluster = _other(config, folder) if config.getoption("--kube-context") else _kind(config, folder)
    except InconclusiveError as error:
        raise pytest.UsageError(f"Kubernetes: {error}") from None
    cluster.keep()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what an interrupted worker may have left behind, the cluster if this run created it, and built images."""
    if not _ours(config) or RUN not in config.stash:
        return
    this = config.stash[RUN]
    kind = config.stash.get(_KIND, None)
    done: list[str] = []
    with contextlib.suppress(KubernetesError, DockerError):  # no longer reachable: a later run tries again
        if kind is not None and kind.ours and not kept(config):
            done += [leftovers.cluster_note()] if kind.down() else []
        elif _CLUSTER in config.stash:
            done += _remove_from(config.stash[_CLUSTER], config)
    if kind is not None:
        end_run(this, interrupted=interrupted(config))
    if not interrupted(config):
        for note in done:
            this.done(note)


def _remove_from(cluster: Cluster, config: pytest.Config) -> list[str]:
    """Remove what this run may have left on a cluster that is not its own, and return the notes that are done."""
    label, kind = os.environ[LABEL], config.stash.get(_KIND, None)
    if given := given_namespaces(config):
        for namespace in given:
            remove_objects(cluster, namespace, label)
        return [leftovers.objects_note(cluster, namespace) for namespace in given]
    leftovers.remove_namespaces(cluster, label)
    if kind is None:
        return [leftovers.namespaces_note(cluster)]
    kind.unload(label)
    return [leftovers.namespaces_note(cluster), leftovers.nodes_note(kind.name)]


def _ours(config: pytest.Config) -> bool:
    """Whether this process takes care of the cluster: not a worker, and only if kind was requested."""
    return asked_for("kind", config) and not hasattr(config, "workerinput")


def _kind(config: pytest.Config, folder: Path) -> Cluster:
    """Prepare a kind cluster, created if it does not exist, with the images in it."""
    if given_namespaces(config):
        raise KubernetesError("--kube-namespaces needs --kube-context: in a cluster of kind's, runs create their own")
    tools, this = Tools.found(config), config.stash[RUN]
    leftovers.sweep_engine(tools.kind)
    config.stash[KEPT] += leftovers.clusters_elsewhere()
    kind = config.stash[_KIND] = Kind(tools, config, folder / "kind.log")
    begin_run(this)
    images = build_images(config.stash[SUBJECT], label_of(config), folder)
    if kind.swept:
        this.note(leftovers.cluster_note())
    cluster = config.stash[_CLUSTER] = kind.up()
    if not kind.ours:
        _begin(cluster, config)
        this.note(leftovers.nodes_note(kind.name))
    for image in {images.order, images.subject} - {""}:
        kind.load(image)
    if kind.ours and kept(config):
        config.stash[KEPT].append(f"kind delete cluster --name={kind.name}")
    return dataclasses.replace(cluster, order_image=images.order, gateway_image=images.subject)


def _other(config: pytest.Config, folder: Path) -> Cluster:
    """Use an existing cluster, for which the images have been pushed."""
    prefix = config.getoption("--image-prefix")
    if not prefix:
        raise KubernetesError(
            "--kube-context needs --image-prefix: where the cluster pulls the image grpc-lb-conformance from. Push it: "
            "`docker build --file services/Dockerfile --tag REGISTRY/PATH/grpc-lb-conformance . && docker push …`"
        )
    order, this = f"{prefix.rstrip('/')}/{ORDER_IMAGE}", config.stash[RUN]
    cluster = dataclasses.replace(other_cluster(config), order_image=order, gateway_image=_subject(config, order))
    given = given_namespaces(config)
    if 0 < len(given) < _workers(config):
        raise KubernetesError(
            f"--kube-namespaces has {len(given)} for {_workers(config)} workers: each needs one. Use fewer workers: "
            f"--numprocesses={len(given)}"
        )
    for namespace in given:
        leftovers.sweep_objects(cluster, namespace)
        this.note(leftovers.objects_note(cluster, namespace))
    if not given:
        _begin(cluster, config)
    config.stash[_CLUSTER] = cluster
    check_images(cluster, _namespace(config, cluster, folder, os.environ[LABEL], also="-images"))
    return cluster


def _begin(cluster: Cluster, config: pytest.Config) -> None:
    """Remove namespaces of dead runs, report those of others, and note that this run will have some."""
    leftovers.sweep_namespaces(cluster)
    config.stash[KEPT] += leftovers.elsewhere(cluster)
    config.stash[RUN].note(leftovers.namespaces_note(cluster))


def _workers(config: pytest.Config) -> int:
    """Return how many processes run behaviours."""
    return len(config.option.tx) if config.option.dist != "no" else 1


def _namespace(config: pytest.Config, cluster: Cluster, folder: Path, label: str, *, also: str = "") -> Namespace:
    """Return the namespace of this worker, not opened yet: one for itself, or its share of those that were given."""
    given = given_namespaces(config)
    number = int(getattr(config, "workerinput", {}).get("workerid", "gw0").removeprefix("gw"))
    name = given[number] if given else f"grpc-lb-{secrets.token_hex(4)}{also}"
    return Namespace(cluster, name, folder, Api(cluster), label, given=bool(given))


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
    keep = request.config.getoption("--keep")
    namespace = _namespace(request.config, Cluster.of_this_run(), folder, "kept" if keep else os.environ[LABEL])
    environment = None
    try:
        namespace.open()
        environment = KindEnvironment(namespace, request.config.getoption("--replicas"))
        yield environment
    finally:
        if environment is not None:
            environment.end()
        namespace.api.close()
        namespace.save(request.config.stash[SUBJECT].environment)
        if keep:
            request.config.stash[KEPT] += namespace.look_around()
        else:
            namespace.remove()
