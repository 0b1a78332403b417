"""The certificates of a run: valid ones, wrong ones, and keys that no one else reads and nothing leaves behind."""

import ssl
import stat
from pathlib import Path

import pytest

from services.order.tls import Tls
from tests.harness.world.authority import Certificates
from tests.harness.world.certificates import FAULTS, RENEWED_CERTIFICATE

NAME = "order-service"


def verified(variables: dict[str, str], authority: str, name: str) -> str:
    """Return what a client makes of a replica with these variables: "" if it accepts it, else why not."""
    tls = Tls.if_set(variables)
    assert tls
    context = ssl.create_default_context(cafile=authority)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=name)
    server = tls.context().wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
            except ssl.SSLError as error:
                return f"{error.reason}"
    return ""


@pytest.mark.parametrize("more", [{}, RENEWED_CERTIFICATE], ids=["first", "renewed"])
def test_a_replica_proves_to_be_the_service(tmp_path: Path, more: dict[str, str]) -> None:
    """By each of its names, to a client that trusts the authority of the run."""
    certificates = Certificates(tmp_path / "tls")
    variables = certificates.replica_variables("server", NAME, [NAME, f"one-{NAME}"])
    authority = certificates.files("server")["ca_file"]

    assert verified({**variables, **more}, authority, NAME) == ""
    assert verified({**variables, **more}, authority, f"one-{NAME}") == ""
    assert verified({**variables, **more}, authority, "inventory").startswith("Hostname mismatch")


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("wrong_name", "Hostname mismatch"),
        ("expired", "certificate has expired"),
        ("another_ca", "unable to get local issuer certificate"),
    ],
)
def test_a_wrong_certificate_is_wrong_in_that_way_only(tmp_path: Path, fault: str, why: str) -> None:
    """What OpenSSL says of it."""
    certificates = Certificates(tmp_path / "tls")
    variables = certificates.replica_variables("server", NAME, [NAME]) | FAULTS[fault]

    assert verified(variables, certificates.files("server")["ca_file"], NAME).startswith(why)


def test_no_one_else_reads_the_keys_and_nothing_is_left(tmp_path: Path) -> None:
    """Files are their owner's only, and go with the run; a name that comes later has the same authority."""
    certificates = Certificates(tmp_path / "tls")
    certificates.replica_variables("mutual", NAME, [NAME])
    files = certificates.files("mutual")
    authority = Path(files["ca_file"]).read_bytes()
    certificates.replica_variables("mutual", "inventory", ["inventory"])
    every = [path for path in (tmp_path / "tls").rglob("*") if path.is_file()]

    assert {stat.S_IMODE(path.stat().st_mode) for path in every} == {0o600}
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    assert {path.read_bytes() for path in every if path.name == "ca.pem"} == {authority}
    assert set(files) == {"ca_file", "cert_file", "key_file"}
    assert (set(certificates.files("server")), certificates.files("")) == ({"ca_file"}, {})

    certificates.remove()
    certificates.remove()
    assert list(tmp_path.iterdir()) == []
