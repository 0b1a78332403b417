"""Gateways in front of another service than the order service (another_service.py), as mutants and as a control."""

from dataclasses import replace

from tests.harness.subject.call import Call
from tests.harness.subject.mutant import Mutant
from tests.harness.subject.service import Answered, Service

CHECKOUT = Call("POST", "/checkout", body='{"cart": "{id}"}', success=((200, 299),))
STOCK = Call("GET", "/stock/{id}")
WATCHED = "inventory.v2.Inventory/Watch"
INVENTORY = Service(Answered("inventory.v2.Inventory/Reserve", ("0a026f6b",)), stream=Answered(WATCHED))

COMMAND = ("python", "-m", "tests.behaviours.another_service")


def elsewhere(mutant: Mutant) -> Mutant:
    """Return the same mutant in front of the other service."""
    return replace(
        mutant,
        name=f"{mutant.name}_elsewhere",
        wrong=f"{mutant.wrong}; in front of another service",
        through=COMMAND,
        call=CHECKOUT,
        service=INVENTORY,
        environments=("loopback",),
    )
