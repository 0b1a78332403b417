"""The mutants of other themes, speaking TLS to their service: what is wrong with them is seen all the same."""

from dataclasses import replace

from services.order.tls import SERVER
from tests.harness.subject.mutant import Mutant


def over_tls(mutant: Mutant) -> Mutant:
    """Return the same mutant, speaking TLS."""
    return replace(
        mutant,
        name=f"{mutant.name}_over_tls",
        wrong=f"{mutant.wrong}; over TLS",
        tls=SERVER,
        environments=("loopback",),
    )
