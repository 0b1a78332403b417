"""The addresses behind a gateway's target, for gateways that go to each by themselves."""

import dns.asyncresolver

from services.gateway.settings import Settings


async def addresses(settings: Settings) -> list[str]:
    """Resolve the target `dns://server:port/name:port` once, by hand."""
    server, _, name_and_port = settings.order_service_target.removeprefix("dns://").partition("/")
    host, _, server_port = server.partition(":")
    name, _, port = name_and_port.partition(":")
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [host], int(server_port)
    answer = await resolver.resolve(f"{name}.", "A")
    return [f"ipv4:{record.address}:{port}" for record in answer]
