"""What a client says first: the server name and the protocols of a ClientHello, or that it is no TLS."""

import ssl

import pytest

from services.order.client_hello import ClientHello, NotTlsError, read, size_of


def hello(name: str | None, *protocols: str) -> bytes:
    """Return what OpenSSL says first."""
    context = ssl.create_default_context()
    context.check_hostname = name is not None
    if protocols:
        context.set_alpn_protocols(list(protocols))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(
    ("name", "protocols", "expected"),
    [
        ("order-service", ("h2",), ClientHello("order-service", ("h2",))),
        ("a.b.internal", ("h2", "http/1.1"), ClientHello("a.b.internal", ("h2", "http/1.1"))),
        ("order-service", (), ClientHello("order-service")),
        ("127.0.0.1", ("h2",), ClientHello("", ("h2",))),  # RFC 6066, 3: an address is no host name
        (None, (), ClientHello()),
    ],
)
def test_name_and_protocols_are_read(name: str | None, protocols: tuple[str, ...], expected: ClientHello) -> None:
    """As OpenSSL writes them."""
    record = hello(name, *protocols)

    assert size_of(record) == len(record)
    assert read(record) == expected


@pytest.mark.parametrize(("begin", "size"), [(b"", 0), (b"\x16\x03\x01", 0), (b"\x16\x03\x01\x02\x00rest", 517)])
def test_the_size_is_known_with_the_whole_header(begin: bytes, size: int) -> None:
    """Until then more is waited for."""
    assert size_of(begin) == size


@pytest.mark.parametrize(
    ("begin", "words"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "plaintext"),
        (b"P", "plaintext"),
        (b"GET / HTTP/1.1\r\n", "not TLS"),
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", "not a ClientHello"),
        (b"\x16\x03\x01\x00\x04\x01\x00\x00\x00", "a ClientHello that cannot be read"),
    ],
)
def test_anything_else_is_told(begin: bytes, words: str) -> None:
    """Plaintext by the preface of HTTP/2, or a part of it; nothing that arrives ends the replica."""
    with pytest.raises(NotTlsError, match=words):
        read(begin)


def test_every_cut_of_a_hello_is_refused_or_read() -> None:
    """A record that ends anywhere raises nothing but NotTlsError."""
    record = hello("order-service", "h2")
    for length in range(6, len(record)):
        try:
            read(record[:length])
        except NotTlsError:
            continue
