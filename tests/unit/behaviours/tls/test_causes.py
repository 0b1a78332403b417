"""The rules about TLS: what each outcome of a handshake means, and what is none of theirs."""

from typing import Any

import pytest

from tests.behaviours.tls import causes
from tests.harness.causes.case import Sureness
from tests.harness.causes.explain import find
from tests.unit.helpers.story import Story, suspects


def never(**kind: Any) -> Story:  # noqa: ANN401, whatever a handshake has
    """Return a subject that never got a connection, as its handshakes all ended like this."""
    usual = {"server_name": "order-service", "protocols": ["h2"], "outcome": "alert: bad certificate", "count": 4}
    return Story().event(0.5, "never connected", name="order-service", handshakes=[{**usual, **kind}])


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ({"outcome": "plaintext", "server_name": "", "protocols": []}, "plaintext_to_tls"),
        ({"server_name": "dns"}, "wrong_server_name"),
        ({"server_name": "dns:///order-service:5000"}, "wrong_server_name"),
        ({"server_name": ""}, "no_server_name"),
        ({"server_name": "127.0.0.2"}, "no_server_name"),
        ({"server_name": "127.0.0.2:5000"}, "no_server_name"),
        ({"server_name": "::1"}, "no_server_name"),
        ({"protocols": [], "outcome": "no h2 among the client's protocols"}, "no_alpn"),
        ({"protocols": [], "outcome": "closed by the client after the certificate"}, "no_alpn"),
        ({"outcome": "peer did not return a certificate"}, "no_client_certificate"),
        ({"outcome": "certificate verify failed"}, "client_certificate_not_accepted"),
        ({"outcome": "alert: unknown ca"}, "authority_not_trusted"),
        ({"outcome": "closed by the client after the certificate"}, "authority_not_trusted"),
    ],
)
def test_the_most_frequent_handshake_names_the_cause(kind: dict[str, Any], cause: str) -> None:
    """Before any other rule, as nothing was ever called; only what leaves it open is likely at most."""
    finding = find(never(**kind).case(), [])

    assert suspects(finding) == (cause,)
    assert finding.sureness is (Sureness.LIKELY if cause == "authority_not_trusted" else Sureness.CERTAIN)
    assert "4 handshakes ended alike" in finding.seen


@pytest.mark.parametrize(
    ("variables", "cause"),
    [
        ({"TLS_CERTIFICATE": "expired"}, "certificate_not_verified"),
        ({"TLS_CERTIFICATE": "another-ca"}, "certificate_not_verified"),
        ({"TLS_CERTIFICATE": "wrong-name"}, "name_not_verified"),
        ({"TLS_HANDSHAKE": "without-alpn"}, "alpn_not_verified"),
        ({"TLS_CERTIFICATE": "renewed"}, None),
        ({}, None),
    ],
)
def test_calls_that_reach_an_impostor_name_what_is_not_verified(variables: dict[str, str], cause: str | None) -> None:
    """Those that came before it returned do not, nor do those that others got."""
    story = Story().call(1.05, "a").verb(1.1, "start", "a", 0.01, **variables)

    assert causes.impostor(story.case()) is None
    assert suspects(causes.impostor(story.call(1.5, "a").case())) == ((cause,) if cause else ())


def test_a_renewed_certificate_that_is_used_later_was_not_pinned() -> None:
    """Slow is not lost: another rule's matter."""
    refused = {"replica": "a", "peer": "p", "server_name": "order-service", "protocols": ["h2"], "outcome": "closed"}
    story = Story().verb(1.1, "start", "a", TLS_CERTIFICATE="renewed").event(1.2, "replica handshake", **refused)

    assert suspects(causes.pinned(story.case())) == ("certificate_pinned",)
    assert causes.pinned(story.call(3.0, "a").case()) is None


def test_calls_that_fail_where_they_arrive_wait_for_no_handshake() -> None:
    """They had an attempt; and where none is served there are other causes."""
    story = Story().verb(1.1, "start", "a", TLS_HANDSHAKE="never").call(1.5, "b:UNAVAILABLE", code="UNAVAILABLE")

    assert causes.waits_for_a_handshake(story.call(1.6, "b").case()) is None
    lost = Story().verb(1.1, "start", "a", TLS_HANDSHAKE="never").call(1.5, code="UNAVAILABLE")
    assert causes.waits_for_a_handshake(lost.case()) is None
