"""Runs on a cluster that others use as well: what is theirs stays, and what is ours is removed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.docker import IMAGES, RUN_LABEL, command
from tests.harness.paths import ROOT
from tests.harness.world.eventually import reached
from tests.kind.cluster import Tools
from tests.kind.kubectl import Cluster, run
from tests.suite.hostile.judging import finish
from tests.suite.killed_runs import NEXT
from tests.suite.nested import finished, started
from tests.suite.traces import STRANGERS, traces_of

pytestmark = pytest.mark.engine

ONLY_THE_SUBJECT = "kind and not negative_control and not positive_control"

NAME = f"grpc-lb-suite-{os.getpid()}"
GIVEN = ("given-1", "given-2")
"""Namespaces in which a service account may do what tests/kind/role.yaml grants, and nothing else anywhere."""

PREFIX = "registry.example/team"


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster of kind with namespaces of other runs in it."""
    tools, kubeconfig = Tools.found(request.config), tmp_path_factory.mktemp("cluster") / "kubeconfig"
    image = request.config.getoption("--kind-image")
    create = [str(tools.kind), "create", "cluster", f"--name={NAME}", f"--kubeconfig={kubeconfig}", "--wait=60s"]
    try:
        run([*create, *([f"--image={image}"] if image else [])], patience=300)
        cluster = Cluster(f"kind-{NAME}", str(kubeconfig), program=str(tools.kubectl))
        for number, label in enumerate(STRANGERS):
            cluster.kubectl("create", "namespace", f"of-others-{number}")
            cluster.kubectl("label", "namespace", f"of-others-{number}", f"{RUN_LABEL}={label}")
        yield cluster
    finally:
        run([str(tools.kind), "delete", "cluster", f"--name={NAME}", f"--kubeconfig={kubeconfig}"])


def namespaces(cluster: Cluster) -> list[str]:
    """Return the names of the namespaces that are not Kubernetes's own, and not about to disappear."""
    field = "jsonpath={range .items[?(@.status.phase=='Active')]}{.metadata.name} {end}"
    names = cluster.kubectl("get", "namespaces", f"--output={field}").split()
    return [name for name in names if not name.startswith(("kube-", "default", "local-path"))]


def images_on_the_node() -> list[str]:
    """Return our images on the node, by name."""
    listed = command("exec", f"{NAME}-control-plane", "ctr", "--namespace=k8s.io", "images", "ls", "--quiet")
    return [line for line in listed.split() if line.startswith(f"docker.io/library/{IMAGES[0]}")]


OF_OTHERS = [f"of-others-{number}" for number in range(len(STRANGERS))]


def test_a_run_leaves_what_is_of_others(cluster: Cluster, tmp_path: Path) -> None:
    """It removes its own namespaces and images, and those of a run of this machine that was killed."""
    options = (
        "-m",
        ONLY_THE_SUBJECT,
        f"--cluster-name={NAME}",
        f"--report={tmp_path / 'killed'}",
    )
    with started(*options, "-n1") as killed:
        reached(lambda: len(namespaces(cluster)) > len(OF_OTHERS), within=200, what="it has a namespace")
        traces = traces_of(killed)
        killed.send_signal(signal.SIGKILL)
    assert images_on_the_node() == [f"docker.io/library/{IMAGES[0]}:{traces.label}"]

    done = finished(*NEXT["kind"], f"--cluster-name={NAME}", f"--report={tmp_path / 'next'}", within=400)

    assert done.returncode == 0
    assert namespaces(cluster) == OF_OTHERS
    assert images_on_the_node() == []
    assert traces.left(engine=True) == {}


def test_a_run_whose_api_server_is_paused_is_inconclusive(cluster: Cluster, tmp_path: Path) -> None:
    """It reports so in one line, and does not wait a minute for each behaviour; the next run removes what is left."""
    node, said = f"{NAME}-control-plane", tmp_path / "said"
    options = ("-m", ONLY_THE_SUBJECT, f"--cluster-name={NAME}", "-n1")
    with said.open("wb") as output, started(*options, f"--report={tmp_path / 'paused'}", output=output.fileno()) as run:
        reached(lambda: b"holds" in said.read_bytes(), within=300, what="a behaviour holds")
        traces = traces_of(run)
        command("pause", node)
        try:
            outcome = finish(run, said, within=400)
        finally:
            command("unpause", node)

    assert outcome.status == 6, outcome.output
    assert "the cluster's API does not respond" in outcome.words
    assert "Traceback" not in outcome.output

    done = finished(*NEXT["kind"], f"--cluster-name={NAME}", f"--report={tmp_path / 'next'}", within=400)

    assert done.returncode == 0, done.stdout
    assert namespaces(cluster) == OF_OTHERS
    assert traces.left(engine=True) == {}


@pytest.fixture
def account(cluster: Cluster, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Return a kubeconfig with one context, "judge": a service account with the published Role in two namespaces."""
    image = f"{PREFIX}/{IMAGES[0]}"
    for namespace in GIVEN:
        there = f"--namespace={namespace}"
        cluster.kubectl("create", "namespace", namespace)
        cluster.kubectl("apply", there, f"--filename={ROOT / 'tests' / 'kind' / 'role.yaml'}")
        bound = ("--role=grpc-lb-conformance", "--serviceaccount=default:judge")
        cluster.kubectl("create", "rolebinding", "grpc-lb-conformance", there, *bound)
    cluster.kubectl("create", "serviceaccount", "judge")
    file = tmp_path / "kubeconfig"
    file.write_text(Path(cluster.kubeconfig).read_text(encoding="utf-8"), encoding="utf-8")
    theirs = Cluster(cluster.context, str(file), program=cluster.program)
    theirs.kubectl("config", "set-credentials", "judge", f"--token={cluster.kubectl('create', 'token', 'judge')}")
    theirs.kubectl("config", "set-context", "judge", f"--cluster={cluster.context}", "--user=judge")
    theirs.kubectl("config", "delete-context", cluster.context)
    command("build", f"--file={ROOT / 'services' / 'Dockerfile'}", f"--tag={image}", "--", str(ROOT), patience=600)
    run([str(Tools.found(request.config).kind), "load", "docker-image", f"--name={NAME}", image], patience=300)
    yield file
    command("image", "rm", image)
    for namespace in GIVEN:
        cluster.kubectl("delete", "namespace", namespace)
    cluster.kubectl("delete", "serviceaccount", "judge")


def test_a_role_in_given_namespaces_suffices(cluster: Cluster, account: Path, tmp_path: Path) -> None:
    """With a service account that can do nothing outside of them; they are empty afterwards, and are still there."""
    options = (f"--kubeconfig={account}", "--kube-context=judge", f"--image-prefix={PREFIX}", "-n2")
    behaviours = (
        "-m",
        ONLY_THE_SUBJECT,
        "-k",
        "serial_calls_rotate or rollout or evicted",
    )
    report = f"--report={tmp_path / 'report'}"
    without = finished(*behaviours, *options, report)
    done = finished(*behaviours, *options, f"--kube-namespaces={','.join(GIVEN)}", report, within=400)

    assert without.returncode == pytest.ExitCode.USAGE_ERROR
    assert "may not create namespaces" in without.stdout
    assert done.returncode == 0, done.stdout
    assert " 3 behaviours: 3 hold" in f" {' '.join(done.stdout.split())}"
    assert namespaces(cluster) == [*GIVEN, *OF_OTHERS]
    for namespace in GIVEN:
        assert cluster.kubectl("get", "pods,services,deployments", f"--namespace={namespace}", "--output=name") == ""


def test_given_namespaces_that_are_in_use_are_refused(cluster: Cluster, account: Path, tmp_path: Path) -> None:
    """Two runs do not share one, and nothing of the other is removed."""
    pod = ("run", "of-another", "--image=any", f"--labels={RUN_LABEL}={STRANGERS[0]}", f"--namespace={GIVEN[0]}")
    cluster.kubectl(*pod)
    options = (f"--kubeconfig={account}", "--kube-context=judge", f"--image-prefix={PREFIX}", "-n0")
    done = finished("-m", "kind", *options, f"--kube-namespaces={GIVEN[0]}", f"--report={tmp_path / 'report'}")

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"run {STRANGERS[0]} is using it, or left something there" in done.stdout
    assert cluster.kubectl("get", "pods", f"--namespace={GIVEN[0]}", "--output=name") == "pod/of-another"
