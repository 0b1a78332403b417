"""
The cluster of a run: one that kind creates for it, an existing one of kind's, or any other.

pytest-kind creates, loads and deletes kind's clusters (its options --cluster-name, --keep-cluster, --kubeconfig,
--kind-image, --kind-bin and --kind-kubectl-bin work). It is under GPL-3.0, and so an extra that nothing else needs: it
is imported where kind is used. Its fixture is not used: each worker would create a cluster of that name and the first
to finish would delete it, and nothing is downloaded here, neither kind nor kubectl. A cluster that a run created for
itself has the run's label in its name, so that the next run can tell whether its owner still exists.
"""

import contextlib
import importlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness.suggestion import did_you_mean
from tests.harness.world.runs import LABEL, folder_of_this_run
from tests.harness.world.verdict import InconclusiveError
from tests.kind.kubectl import NO_KUBECTL, Cluster, KubernetesError, run
from tests.kind.leftovers import PREFIX, clusters, unload
from tests.kind.namespace import Namespace
from tests.kind.pod import NOWHERE, Pod
from tests.kind.watch import Watch

CONFIG = Path(__file__).with_name("cluster.yaml")
"""The configuration of the clusters that kind creates."""

PULLING = 120.0
"""Seconds that pulling an image may take."""

MAKING = 300.0
"""Seconds that a cluster may take to come up, with its node image present, and that loading an image may take."""

_NAMES_OF_IMAGES = "--image-prefix, [compose] image or --gateway-image"

PLUGIN = "pytest-kind"
"""The entry point of the extra's plugin."""

OPTIONS = ("--cluster-name", "--kubeconfig", "--kind-image", "--kind-bin", "--kind-kubectl-bin")
"""Its options with a value; it also has --keep-cluster."""

_NO_PLUGIN = (
    "pytest-kind is not installed, an extra of the suite. Install it in the suite's environment, `pip install "
    "'grpc-lb-conformance[kind]'`, or use an existing cluster: --kube-context=NAME --image-prefix=REGISTRY/PATH"
)
_NO_KIND = (
    "kind is not installed. Install it: https://kind.sigs.k8s.io/docs/user/quick-start/#installation, or use an "
    "existing cluster: --kube-context=NAME --image-prefix=REGISTRY/PATH"
)


@dataclass(frozen=True)
class Tools:
    """Where kind and kubectl are."""

    kind: Path
    kubectl: Path

    @classmethod
    def found(cls, config: pytest.Config) -> "Tools":
        """Look them up. Raises KubernetesError, which names what is missing and how to install it."""
        pytest_kind()
        kubectl = shutil.which(config.getoption("--kind-kubectl-bin") or "kubectl")
        if kubectl is None:
            raise KubernetesError(NO_KUBECTL)
        kind = shutil.which(config.getoption("--kind-bin") or "kind")
        if kind is None:
            raise KubernetesError(_NO_KIND)
        return cls(Path(kind), Path(kubectl))


def pytest_kind() -> Any:  # noqa: ANN401, it may not be there, and has no types
    """Return the module of the extra. Raises KubernetesError, with how to install it."""
    try:
        return importlib.import_module("pytest_kind")
    except ImportError:
        raise KubernetesError(_NO_PLUGIN) from None


class Kind:
    """kind's cluster of one name; `ours` if this run creates it, `swept` if a later run may delete it."""

    def __init__(self, tools: Tools, config: pytest.Config, log: Path) -> None:
        """Choose the name and check whether it exists. Raises KubernetesError."""
        requested = config.getoption("--cluster-name") or _DEFAULT_NAME
        self.name = requested if requested != _DEFAULT_NAME else f"{PREFIX}{os.environ[LABEL]}"
        self._tools, self._log = tools, log
        self.ours = self.name not in clusters(tools.kind)
        # one of another name may be in use by another run by the time this one is dead
        self.swept = self.ours and requested == _DEFAULT_NAME and not kept(config)
        self._cluster = pytest_kind().KindCluster(
            self.name,
            _kubeconfig(config),
            image=config.getoption("--kind-image"),
            kind_path=tools.kind,
            kubectl_path=tools.kubectl,
        )
        if self._cluster.kubeconfig_path.parent != self._cluster.path:
            self._remove_folder()  # of pytest-kind, which has nothing to put there

    def up(self) -> Cluster:
        """Create it, or find out how to reach the existing one; wait until it is usable. Raises KubernetesError."""
        kubeconfig = self._cluster.kubeconfig_path.resolve()
        if self.ours:
            with self._logged("the kind cluster cannot be created"):
                self._cluster.create(CONFIG)
        else:
            run([str(self._tools.kind), "export", "kubeconfig", f"--name={self.name}", f"--kubeconfig={kubeconfig}"])
        cluster = Cluster(f"kind-{self.name}", str(kubeconfig), program=str(self._tools.kubectl))
        cluster.kubectl("wait", "node", "--all", "--for=condition=Ready", "--timeout=120s", patience=MAKING)
        status = ("rollout", "status", "deployment/coredns", "--namespace=kube-system", "--timeout=120s")
        cluster.kubectl(*status, patience=MAKING)
        return cluster

    def load(self, image: str) -> None:
        """Load a Docker image into its nodes. Raises KubernetesError."""
        with self._logged(f"image {image!r} cannot be loaded into the kind cluster"):
            self._cluster.load_docker_image(image)

    def down(self) -> bool:
        """Delete it, and what pytest-kind stores for it, and say whether that succeeded."""
        deleted = False
        with contextlib.suppress(KubernetesError), self._logged("the kind cluster cannot be deleted"):
            self._cluster.delete()
            deleted = True
        self._remove_folder()
        return deleted

    def unload(self, label: str) -> None:
        """Remove the images of a run from the nodes of a cluster that others use as well."""
        unload(self._tools.kind, self.name, label)

    def _remove_folder(self) -> None:
        shutil.rmtree(self._cluster.path, ignore_errors=True)
        with contextlib.suppress(OSError):  # others' are next to it
            self._cluster.path.parent.rmdir()

    @contextlib.contextmanager
    def _logged(self, what: str) -> Iterator[None]:
        """Log kind's output, which pytest-kind leaves to the terminal, and report a failure in one line."""
        sys.stdout.flush()
        sys.stderr.flush()
        start = self._log.stat().st_size if self._log.exists() else 0
        kept = [os.dup(descriptor) for descriptor in (1, 2)]
        try:
            with self._log.open("ab") as log:
                for descriptor in (1, 2):
                    os.dup2(log.fileno(), descriptor)
            try:
                yield
            finally:
                for descriptor, before in enumerate(kept, start=1):
                    os.dup2(before, descriptor)
        except (subprocess.CalledProcessError, OSError) as error:
            with self._log.open("rb") as log:
                log.seek(start)
                output = log.read().decode(errors="replace")
            raise KubernetesError(f"{what}: {_error_in(output) or error}. The full output is in {self._log}") from None
        finally:
            for before in kept:
                os.close(before)


_DEFAULT_NAME = "pytest-kind"
"""pytest-kind's; with this name, the run creates its own cluster."""


def _kubeconfig(config: pytest.Config) -> Path | None:
    """Return where the kubeconfig is, None for pytest-kind's place: what is kept needs it beyond this run."""
    given = config.getoption("--kubeconfig")
    if given:
        return Path(given).resolve()
    return None if kept(config) else folder_of_this_run() / "kubeconfig"


def kept(config: pytest.Config) -> bool:
    """Say whether the cluster is to be kept."""
    return bool(config.getoption("--keep") or config.getoption("--keep-cluster"))


def _error_in(output: str) -> str:
    """Return the line of kind's output that names what was wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    wrong = [line for line in lines if line.startswith("ERROR")]
    return (wrong or lines or [""])[-1].removeprefix("ERROR: ")


def other_cluster(config: pytest.Config) -> Cluster:
    """Return the cluster that --kube-context names. Raises KubernetesError, which names what is wrong with it."""
    kubectl = shutil.which(config.getoption("--kind-kubectl-bin") or "kubectl")
    if kubectl is None:
        raise KubernetesError(NO_KUBECTL)
    context, file = config.getoption("--kube-context"), config.getoption("--kubeconfig") or ""
    option = [f"--kubeconfig={file}"] if file else []
    known = run([kubectl, *option, "config", "get-contexts", "--output=name"]).split()
    if context not in known:
        hint = did_you_mean(context, known) or "; it has no contexts at all"
        raise KubernetesError(f"--kube-context: the kubeconfig has no context {context!r}{hint}")
    cluster = Cluster(context, file, forwarded=True, program=kubectl)
    check(cluster, given_namespaces(config))
    return cluster


def given_namespaces(config: pytest.Config) -> list[str]:
    """Return the namespaces of --kube-namespaces, none if the run creates its own."""
    return [name.strip() for name in (config.getoption("--kube-namespaces") or "").split(",") if name.strip()]


def check(cluster: Cluster, namespaces: Sequence[str]) -> None:
    """Raise KubernetesError unless the cluster responds and lets us create namespaces, or pods in the given ones."""
    try:
        cluster.kubectl("version", "--request-timeout=15s")
    except KubernetesError as error:
        raise KubernetesError(f"the cluster of context {cluster.context!r} does not respond: {error}") from None
    for namespace in namespaces:
        _check_can_create(cluster, "pods", f"--namespace={namespace}", advice="bind the Role of tests/kind/role.yaml")
    if not namespaces:
        advice = "each run needs its own. Use namespaces that exist (--kube-namespaces)"
        _check_can_create(cluster, "namespaces", advice=advice)


def _check_can_create(cluster: Cluster, what: str, *where: str, advice: str) -> None:
    query = ("auth", "can-i", "create", what, *where)
    try:
        cluster.kubectl(*query)
    except KubernetesError:
        place = "".join(f" in {option.partition('=')[2]!r}" for option in where)
        raise KubernetesError(
            f"context {cluster.context!r} may not create {what}{place}: {advice}, or use another context. Check with "
            f"`{shlex.join(['kubectl', f'--context={cluster.context}', *query])}`"
        ) from None


def check_images(cluster: Cluster, namespace: Namespace) -> None:
    """Raise KubernetesError unless the cluster can pull the images: a pod for each is tried in a namespace for it."""
    try:
        namespace.open()
    except InconclusiveError:
        namespace.api.close()
        raise
    watch = Watch(namespace)
    try:
        for number, image in enumerate(sorted({cluster.order_image, cluster.gateway_image} - {""})):
            name = f"image-{number}"
            container = {"name": name, "image": image, "imagePullPolicy": "IfNotPresent"}
            spec = {"containers": [container], "restartPolicy": "Never", "automountServiceAccountToken": False}
            namespace.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
            try:
                Pod(namespace, watch, name, name).wait_until_pulled(within=PULLING)
            except InconclusiveError as error:
                advice = "" if NOWHERE in str(error) else f"Push it, or fix {_NAMES_OF_IMAGES}. "
                events = f"Events are in {namespace.folder / 'events.txt'}"
                raise KubernetesError(f"no pod can be started from {image!r}: {error}. {advice}{events}") from None
    finally:
        watch.close()
        namespace.save()
        namespace.remove()
