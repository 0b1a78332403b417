"""What the Kubernetes driver makes of clocks, templates, kubectl's words and the kernel's tables."""

import inspect
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.harness.paths import ROOT
from tests.harness.world.ledger import Ledger
from tests.harness.world.verdict import InconclusiveError
from tests.kind.clock import Offset, ReplicaLedger
from tests.kind.environment import FROZEN_AND_READY, MANIFESTS, PROBE_FAILURES, KindEnvironment
from tests.kind.kubectl import Cluster, KubernetesError, run
from tests.kind.pod import pod_of

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "order-service"}},
    "spec": {
        "containers": [{"name": "one", "env": [{"name": "KEPT", "value": "1"}, {"name": "INSTANCE_ID", "value": "x"}]}]
    },
}


def test_an_offset_lies_where_all_orders_agree() -> None:
    """Each order bounds the offset from both sides; what all allow is taken, its half width is the uncertainty."""
    offset = Offset.between([(100.0, 100.4, 0.1), (110.0, 110.2, 10.1), (120.0, 121.0, 20.05)])

    assert offset.seconds == pytest.approx(100.025)
    assert offset.uncertainty == pytest.approx(0.075)


def test_a_clock_that_does_not_keep_pace_is_not_judged_by() -> None:
    """Orders that contradict each other are no measurement."""
    with pytest.raises(InconclusiveError, match=r"is out of step with ours by 0\.800 s"):
        Offset.between([(100.0, 100.1, 0.05), (110.0, 110.1, 9.15)])


def _line(event: str, at: float, order_id: str = "") -> str:
    attempt = {"id": order_id, "method": "m", "previous_attempts": None, "peer": "p", "deadline_left": 1, "code": "OK"}
    return json.dumps({"event": event, "replica": "r", "monotonic": at, "time": 0.0, **attempt}) + "\n"


def test_a_ledger_goes_on_in_the_next_pod_on_one_clock(tmp_path: Path) -> None:
    """Lines of both pods are read, each moved by the offset of its own pod, and each once."""
    first, second = tmp_path / "first.out", tmp_path / "second.out"
    first.write_text(_line("attempt", 5.0, "a"), encoding="utf-8")
    second.write_text(_line("attempt", 900.0, "b"), encoding="utf-8")
    ledger = ReplicaLedger(tmp_path)
    ledger.follow(first, Offset(100.0))
    assert [event["monotonic"] for event in ledger.events()] == [105.0]

    ledger.follow(second, Offset(-790.0))
    with first.open("a", encoding="utf-8") as file:
        file.write(_line("attempt", 6.0, "c"))

    assert [(one.id, one.arrived) for one in ledger.attempts(since=105.5)] == [("c", 106.0), ("b", 110.0)]
    assert ledger.has("b")
    assert [ledger.answered(order_id) for order_id in ("a", "b", "c", "d")] == [105.0, 110.0, 106.0, None]


def test_whatever_reads_the_file_of_a_ledger_reads_those_of_its_pods() -> None:
    """The ledger of a replica has a folder in place of a file; only a file is handed over."""
    methods = {name: member for name, member in vars(Ledger).items() if inspect.isfunction(member)}
    reads = {name for name, method in methods.items() if "_read_on" in method.__code__.co_names}

    assert reads - set(vars(ReplicaLedger)) == {"hand_over"}


def test_a_pod_has_its_own_variables_over_the_templates() -> None:
    """A variable that is given replaces the template's, the others stay, and the template is left as it is."""
    pod = pod_of(TEMPLATE, "order-1", {"INSTANCE_ID": "order", "DRAIN_GRACE_MS": "0"})

    (container,) = pod["spec"]["containers"]
    assert pod["metadata"]["name"] == "order-1"
    assert {one["name"]: one["value"] for one in container["env"]} == {
        "KEPT": "1",
        "INSTANCE_ID": "order",
        "DRAIN_GRACE_MS": "0",
    }
    assert "name" not in TEMPLATE["metadata"]


def test_a_cluster_is_the_same_one_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first process chose is what its workers find; without a choice they say so."""
    monkeypatch.delenv("GRPC_LB_CONFORMANCE_CLUSTER", raising=False)
    with pytest.raises(InconclusiveError, match="no cluster was created or found"):
        Cluster.of_this_run()
    monkeypatch.setenv("GRPC_LB_CONFORMANCE_CLUSTER", "")  # so that it is taken back
    chosen = Cluster("kind-x", "/k", forwarded=True, order_image="a", gateway_image="b")
    chosen.keep()

    assert Cluster.of_this_run() == chosen
    assert chosen.command("get", "pods") == ["kubectl", "--context=kind-x", "--kubeconfig=/k", "get", "pods"]


def test_a_command_that_fails_says_its_last_line(tmp_path: Path) -> None:
    """The last line of what kubectl said is the message; the log has everything."""
    with pytest.raises(KubernetesError, match=r"^Error from server$"):
        run(["sh", "-c", "echo some; echo warning >&2; echo 'Error from server' >&2; exit 1"], log=tmp_path / "log")

    assert (tmp_path / "log").read_text(encoding="utf-8") == "some\nwarning\nError from server\n"


def test_a_command_that_is_missing_or_hangs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without kubectl it is said where it is had; what takes too long is given up."""
    with pytest.raises(KubernetesError, match=r"`sh -c sleep 9 …` took longer than 0 s"):
        run(["sh", "-c", "sleep 9"], patience=0.2)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(KubernetesError, match="kubectl is not installed"):
        run(["kubectl", "version"])


@pytest.mark.parametrize(("file", "namespaces"), [("rights.yaml", {"namespaces"}), ("role.yaml", set[str]())])
def test_the_rights_that_are_published_do_for_what_the_manifests_make(file: str, namespaces: set[str]) -> None:
    """Each kind of object in them may be made and removed, and each part of a pod that a verb uses may be reached."""
    role = yaml.safe_load((ROOT / "tests" / "kind" / file).read_text(encoding="utf-8"))
    allowed = {resource: set(rule["verbs"]) for rule in role["rules"] for resource in rule["resources"]}
    made = yaml.safe_load_all((ROOT / "tests" / "kind" / "manifests.yaml").read_text(encoding="utf-8"))

    assert all({"create", "delete"} <= allowed[f"{each['kind'].lower()}s"] for each in made)
    assert {"pods/status", "pods/log", "pods/exec", "pods/eviction"} <= set(allowed)
    assert {"namespaces"} & set(allowed) == namespaces
    assert not any("*" in verbs for verbs in allowed.values())


@pytest.mark.parametrize(("variables", "threshold"), [({}, FROZEN_AND_READY), ({PROBE_FAILURES: "2"}, 2)])
def test_a_pod_is_unready_after_as_many_failed_probes_as_it_was_started_with(
    variables: dict[str, str], threshold: int
) -> None:
    """The number is the pod's, and no variable of its process."""
    environment = object.__new__(KindEnvironment)
    environment.tls = ""
    environment.documents = {
        (document["kind"], document["metadata"]["name"]): document
        for document in yaml.safe_load_all(MANIFESTS.read_text(encoding="utf-8"))
    }
    environment.namespace = SimpleNamespace(cluster=SimpleNamespace(order_image="order"))  # type: ignore[assignment]  # all of it that is looked at
    (container,) = environment.order_pod("order-1", {"INSTANCE_ID": "order", **variables})["spec"]["containers"]

    assert container["readinessProbe"]["failureThreshold"] == threshold
    assert PROBE_FAILURES not in {variable["name"] for variable in container["env"]}
