"""What a gateway and its replicas have of a run's certificates in their containers."""

from pathlib import Path

from tests.harness.subject.backend import Backend
from tests.harness.subject.files import IN_CONTAINERS
from tests.harness.subject.placeholders import places_in_a_container
from tests.harness.world.containers import CERTIFICATES, CertificatesInContainers, pointing_at

PLACES = places_in_a_container({}, Backend("inventory", tls="mutual"))


def test_each_has_the_files_that_its_variables_name(tmp_path: Path) -> None:
    """At paths in its container; the files of this machine go with the run."""
    certificates = CertificatesInContainers(tmp_path / "tls")
    variables = certificates.replica_variables("mutual", "inventory")
    files = certificates.replica_files("inventory")
    complete, own = certificates.filled("mutual", {}, PLACES)

    assert variables == {"TLS": "mutual", "TLS_FOLDER": CERTIFICATES}
    assert {f"{CERTIFICATES}/ca.pem", f"{CERTIFICATES}/server.pem"} <= set(files)
    assert complete.files == {
        "ca_file": f"{IN_CONTAINERS}/ca.pem",
        "cert_file": f"{IN_CONTAINERS}/client.pem",
        "key_file": f"{IN_CONTAINERS}/client.key",
    }
    assert own.keys() == set(complete.files.values())
    assert own[f"{IN_CONTAINERS}/ca.pem"] == files[f"{CERTIFICATES}/ca.pem"]
    assert certificates.variables("server") == {"CA_FILE": f"{IN_CONTAINERS}/ca.pem"}
    certificates.remove()
    assert not (tmp_path / "tls").exists()


def test_in_plaintext_there_are_none(tmp_path: Path) -> None:
    """None are made, either."""
    certificates = CertificatesInContainers(tmp_path / "tls")

    assert certificates.filled("", {}, PLACES) == (PLACES, {})
    assert certificates.variables("") == {}
    assert not (tmp_path / "tls").exists()


def test_a_gateway_is_pointed_at_a_service_of_another_name() -> None:
    """The usual one is its default."""
    assert pointing_at(Backend()) == {}
    assert pointing_at(Backend("inventory", 9000)) == {"ORDER_SERVICE_TARGET": "dns:///inventory:9000"}
