"""name, port and tls of [service]: where a subject finds its service, and what a mistake is told."""

from pathlib import Path

import pytest

from tests.harness.subject.backend import Backend
from tests.harness.subject.placeholders import Places
from tests.harness.subject.service import Service
from tests.harness.subject.subject import Subject
from tests.harness.subject.tables import SubjectFileError

FILES = {"ca_file": "/run/ca.pem", "cert_file": "/run/client.pem", "key_file": "/run/client.key"}


def read(folder: Path, text: str) -> Subject:
    """Read a subject file with this text."""
    (folder / "subject.toml").write_text(text, encoding="utf-8")
    return Subject.from_file(folder / "subject.toml")


def test_the_order_service_may_be_dialled_by_another_name_and_over_tls(tmp_path: Path) -> None:
    """It is the order service all the same, so nothing else is looked for in its calls."""
    subject = read(
        tmp_path,
        """
        [service]
        name = "orders.internal"
        tls = "mutual"
        [loopback]
        command = ["./gateway", "--ca={ca_file}", "--cert={cert_file}"]
        [environment]
        KEY = "{key_file}"
        """,
    )
    placed = subject.placed(Places("127.1.2.1:4001", "dns:///orders.internal:5000", "orders.internal", 5000, "", FILES))

    assert subject.backend == Backend("orders.internal", 5000, "mutual")
    assert (subject.service, subject.is_its_own) == (None, False)
    assert placed.command == ("./gateway", "--ca=/run/ca.pem", "--cert=/run/client.pem")
    assert placed.environment == {"KEY": "/run/client.key"}


def test_a_service_with_a_method_has_a_backend_too(tmp_path: Path) -> None:
    """Both are in one section."""
    subject = read(tmp_path, '[service]\nmethod = "a.B/C"\nname = "inventory"\ntls = "server"\nport = 9000')

    assert subject.judged_method == "a.B/C"
    assert subject.backend == Backend("inventory", 9000, "server")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[service]\ntls = "yes"', r'tls is \'yes\': must be "server" or "mutual"'),
        ('[service]\nname = "dns:///inventory"', "name is 'dns:///inventory': must be a host name"),
        ('[service]\nname = "Inventory"', "name is 'Inventory': must be a host name"),
        ("[service]\nport = 0", "port is 0: must be from 1 to 65535"),
        ('[loopback]\ncommand = ["./a", "{ca_file}"]', r'command has \{ca_file\}: that needs .* "server" or "mutual"'),
        (
            '[service]\ntls = "server"\n[environment]\nKEY = "{key_file}"',
            r'KEY has \{key_file\}: that needs \[service\] tls = "mutual"',
        ),
        ('[features]\nsupported = ["tsl"]', "tsl.*did you mean 'tls'"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, words: str) -> None:
    """In one line."""
    with pytest.raises(SubjectFileError, match=words):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("backend", "hosted"),
    [
        ('tls = "server"', True),
        ('name = "inventory"', True),
        ('name = "a.b"', False),
        ('name = "1a"', False),
        ('name = "order-service-mapped"', False),
        ("port = 9000", False),
    ],
)
def test_kubernetes_has_services_with_names_of_one_part(tmp_path: Path, backend: str, hosted: bool) -> None:  # noqa: FBT001, a parameter
    """And its replicas listen where they always do. What it cannot host is told before anything is started."""
    subject = read(tmp_path, f'[service]\n{backend}\n[compose]\nimage = "shop"\n[loopback]\ncommand = ["./shop"]')

    assert subject.reason_against("compose") == subject.reason_against("loopback") == ""
    assert (not subject.reason_against("kind")) == hosted


@pytest.mark.parametrize(("port", "hosted"), [(3999, False), (4000, False), (4001, True), (65535, False)])
def test_containers_have_one_service_on_a_port(tmp_path: Path, port: int, hosted: bool) -> None:  # noqa: FBT001, a parameter
    """The replicas answer probes on 4000, and over TLS the suite's own calls on the port after the service's."""
    subject = read(tmp_path, f'[service]\nport = {port}\n[compose]\nimage = "shop"')

    assert (not subject.reason_against("compose")) == hosted


def test_with_a_request_of_its_own_every_method_is_judged(tmp_path: Path) -> None:
    """As with an empty [service]: the order service is meant only where nothing else is described."""
    subject = read(tmp_path, '[call]\nhttp = "POST /checkout/{id}"\n[service]\ntls = "server"')

    assert subject.service == Service()
    assert (subject.is_its_own, subject.judged_method) == (True, "")
