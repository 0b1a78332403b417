"""
Gateways in front of another service than the order service, as mutants and as controls.

With an HTTP request of their own they are those of another_service.py, with another front those of fronts.py.
"""

from collections.abc import Mapping
from dataclasses import replace

from tests.harness.subject.call import Call
from tests.harness.subject.fronts import ByItself, Front, Lines, Rpc
from tests.harness.subject.mutant import Mutant
from tests.harness.subject.service import Answered, Service

CHECKOUT = Call("POST", "/checkout", body='{"cart": "{id}"}', success=((200, 299),))
UNTOLD = replace(CHECKOUT, body='{"cart": "any"}')
NUMBERED = replace(CHECKOUT, body='{"cart": "{number}"}')
STOCK = Call("GET", "/stock/{id}")
WATCHED = "inventory.v2.Inventory/Watch"
INVENTORY = Service(Answered("inventory.v2.Inventory/Reserve", ("0a026f6b",)), stream=Answered(WATCHED))

FRONTEND = Rpc("shop.v1.Frontend/Checkout", {"x-order": "{id}"})
FRONTS: Mapping[str, Front] = {"grpc": FRONTEND, "stdio": Lines(), "self": ByItself()}
OTHER_FRONT = ("python", "-m", "tests.behaviours.fronts")

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


def called_by(front: str, mutant: Mutant) -> Mutant:
    """Return the same mutant with another front, and in front of the other service."""
    return replace(
        elsewhere(mutant),
        name=f"{mutant.name}_by_{front}",
        wrong=f"{mutant.wrong}; its front is {front}",
        through=(*OTHER_FRONT, front),
        call=FRONTS[front],
    )


def untold(mutant: Mutant) -> Mutant:
    """Return the same mutant in front of the other service, with calls that carry nothing of its requests."""
    return replace(
        elsewhere(mutant),
        name=f"{mutant.name}_untold",
        wrong=f"{mutant.wrong}; its calls carry nothing of its requests",
        call=UNTOLD,
    )
