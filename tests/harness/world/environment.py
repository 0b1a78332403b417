"""
What every environment is: a gateway in front of order-service replicas, and the verbs that hurt them.

The same verb means the same thing everywhere. A verb returns the monotonic time at which it was *seen* to have
taken effect, and raises InconclusiveError if that is not seen: a fault that was only requested proves nothing.

A driver (tests/<name>/environment.py) defines how replicas and gateway are started and stopped, and composes the
capabilities that only it has (capabilities.py); what must be true before a behaviour, and when a gateway is fresh, is
defined once, here.
"""

import dataclasses
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tests.harness.subject.promises import Budgets
from tests.harness.subject.service_configs import about_method
from tests.harness.subject.subject import Subject
from tests.harness.subject.variant import Variant
from tests.harness.world.capabilities import Capability  # noqa: TC001, one place for what is imported
from tests.harness.world.correlation import OwnCalls, replica_variables_for
from tests.harness.world.eventually import tried
from tests.harness.world.gateway import Seat
from tests.harness.world.handshakes import NeverConnected, failed_handshakes
from tests.harness.world.ledgers import Ledgers, Witness
from tests.harness.world.library_log import keep_output
from tests.harness.world.no_call import how_far
from tests.harness.world.orders import Orders
from tests.harness.world.output import Output
from tests.harness.world.placing import Placing
from tests.harness.world.replica import Replica
from tests.harness.world.reply import Reply
from tests.harness.world.serial import NONE
from tests.harness.world.timeline import Timeline, Verb
from tests.harness.world.verdict import InconclusiveError, SubjectDiedError, SubjectUnusableError

SERVICE_CONFIG = "GRPC_SERVICE_CONFIG"
"""The variable of a gateway with its service config; behaviours write it for the order service's method."""

GIVEN = "give"
"""The verb for a gateway that may refuse to start; its `gateway_variables` are all that it was started with."""


class Environment(ABC):
    """
    A running system under judgement.

    `name` is the environment's, `slack` the seconds that it may add to any promise, `size` how many replicas its full
    state has, `replicas` those that the name server lists. With `keeps_gateway` a gateway is kept from one behaviour to
    the next of the same variant, as it takes long to start. `capabilities` are the parts that only some environments
    have, by name. `seat` has the gateway. The run's `seed` decides which replica a fault hits. `records_stay` tells
    that a replica which goes down stays listed and its address refuses connections: always so on loopback, and in
    containers where a behaviour is marked so. A line of a ledger takes up to `ledger_delay` seconds from where it was
    written.
    """

    name: str
    slack: float
    seed = 0
    keeps_gateway = False
    records_stay = False
    ledger_delay = 0.0

    def __init__(self, size: int) -> None:
        self.size = size
        self.timeline = Timeline()
        self.variant: Variant
        self.unseen: set[str] = set()  # the replicas that served no order although the gateway had time to settle
        self.seat = Seat(lambda: self.timeline)
        self.gateway_variables: Mapping[str, str] = {}
        self.tls = ""  # between gateway and replicas: "server", "mutual", or "" for plaintext
        self.capabilities: Mapping[str, Capability] = {}
        self.ledgers = Ledgers(lambda: self.known, lambda: self.replicas, self.fence)
        self._own_calls = OwnCalls(self.ledgers, lambda: self.known, lambda: self.seat.taken)
        self.whose = self._own_calls.owners  # returns each attempt of a ledger with the id of its call
        self.correlation = ""  # how the attempts of a call are known, for a subject with its own request or service
        self._output: Output | None = None
        self._disturbed = True
        self._served = False
        self._settled = False  # whether the gateway had enough time to reach every replica
        self._unusable: SubjectUnusableError | None = None
        self._never = NeverConnected()
        self._gateway_asked = 0.0  # when the gateway was requested (monotonic)

    # What a driver defines

    @property
    @abstractmethod
    def replicas(self) -> Sequence[Replica]:
        """The replicas that the name server lists."""

    @property
    @abstractmethod
    def known(self) -> Sequence[Witness]:
        """Every replica that ever existed: their ledgers remain evidence."""

    @abstractmethod
    def restore_replicas(self) -> None:
        """Bring back the full set of replicas, ready, listed and with the variant's variables."""

    @abstractmethod
    def fresh_gateway(self) -> float:
        """Replace `gateway` with a new one that has served no call yet; return when it listened."""

    @abstractmethod
    def scale(self, count: int) -> float:
        """Run `count` replicas; a new one is ready before the name server lists it."""

    @abstractmethod
    def replace(self, old: Replica) -> float:
        """Start a replica at a new address, list it instead of `old`, then stop `old`; return when that had exited."""

    @abstractmethod
    def restart_replicas(self, *, moved: bool = False, **variables: str) -> float:
        """Kill all replicas, restart them with these variables, if moved elsewhere; return when all are ready."""

    @abstractmethod
    def connections(self) -> dict[str, int]:
        """Return how many established connections lead to the order service of each replica, by its name."""

    @abstractmethod
    def fence(self) -> None:
        """Read every ledger up to now: all that a replica wrote before this call has then been read."""

    @abstractmethod
    def end(self) -> None:
        """Take everything down; a second call does nothing. A driver calls this last."""
        if self._output is not None:
            self._output.stop()

    def _gateway_output(self) -> Mapping[str, Path]:
        """Return the files that "stdout" and "stderr" of every gateway are appended to."""
        return {}

    # What is true before a behaviour

    @property
    def budgets(self) -> Budgets:
        """How long things may take for the current subject."""
        promises = self.variant.subject.promises
        return Budgets(promises, self.slack + promises.overhead)

    @property
    def replica_variables(self) -> Mapping[str, str]:
        """The variables of every order service."""
        tls = self._tls_variables(self.tls) if self.tls else {}
        return {**tls, **replica_variables_for(self.variant.subject), **self.variant.replica_variables}

    def _tls_variables(self, mode: str) -> Mapping[str, str]:
        """Return the variables of an order service over TLS. Raises InconclusiveError where TLS is not hosted."""
        raise InconclusiveError(f"{self.name} hosts no TLS: {mode}")

    def become(self, variant: Variant) -> None:
        """Make the next `restore` bring up this variant; the gateway may be kept if it already is."""
        if self.keeps_gateway and getattr(self, "variant", None) == variant:
            return
        if getattr(self, "variant", variant).subject.front == "self":
            self.seat.end()  # it would call while another one is judged
        self.variant = variant
        self._disturbed = True
        self._served = False
        self._unusable, self._never = None, NeverConnected()
        self.correlation = self._own_calls.found = ""

    def begin(self) -> None:
        """Begin the record of a behaviour."""
        self.timeline = Timeline()
        self.ledgers.forget(self.timeline.began)
        self._output = self._output or Output(self._gateway_output())
        self._output.begin()

    def restore(
        self,
        gateway_variables: Mapping[str, str],
        *,
        once_served: bool = False,
        over_tls: str = "",
        by_arrivals: bool = False,
    ) -> None:
        """
        Restore the full, ready state, with a fresh gateway if the last one was disturbed or had other variables.

        Every replica has then served an order, or the gateway had enough time for that; with `once_served` one order
        was served, which is all that a policy promises if it does not call every replica. A subject that speaks
        plaintext by itself speaks TLS in the mode `over_tls`. With `by_arrivals` what arrives is enough to judge.
        Raises InconclusiveError if that state is not reached.
        """
        self._own_calls.begin(by_arrivals=by_arrivals)
        tls = self.variant.subject.backend.tls or over_tls
        if tls != self.tls:  # it may speak plaintext well, and TLS badly
            self._disturbed, self._unusable, self._never, self._served = True, None, NeverConnected(), False
        self.tls = tls
        world = {"replica_variables": dict(self.replica_variables), "gateway_variables": dict(gateway_variables)}
        with self.timeline.verb("restore", self.name, **world) as verb:
            self.restore_replicas()
            self.timeline.record("listed", replicas=[replica.name for replica in self.replicas])
            runs = self.seat.gateway is not None and self.seat.gateway.running
            if self._disturbed or not runs or gateway_variables != self.gateway_variables:
                self.gateway_variables = dict(gateway_variables)
                self._bring_up_gateway(once_served=once_served)
            elif not (once_served or self._settled):
                self._settle()
            self._disturbed = False
            if self.correlation:
                self.timeline.record("correlation", found=self._own_calls.taken_as)
            verb.confirmed(time.monotonic())

    def _bring_up_gateway(self, *, once_served: bool) -> None:
        """Start the gateway and let it settle; a subject that failed to do so at its first start is not tried again."""
        self._never.check(self.timeline)
        if self._unusable is not None:
            raise SubjectUnusableError(str(self._unusable))
        try:
            self._replace_gateway()
            self._settle(once_served=once_served)
        except SubjectUnusableError as error:
            handshakes = failed_handshakes(self.ledgers, self._gateway_asked)
            never = NeverConnected(self.variant.subject.backend.name, handshakes)
            self._unusable, self._never = (None, NeverConnected()) if self._served else (error, never)
            never.check(self.timeline)
            raise
        self._served = True

    def _replace_gateway(self) -> None:
        """Start a fresh one; if the last one has exited by itself, that is held against the behaviour it served."""
        self.seat.gateway = self.seat.last()
        try:
            self.fresh_gateway()
        except SubjectDiedError as error:  # only just
            self.seat.accuse(str(error))
            self.fresh_gateway()

    def _settle(self, *, once_served: bool = False) -> None:
        """
        Place orders until every replica has served one, or just one of them, or until the subject's time is up.

        A wrong gateway may never get there: that is for the behaviours to judge. One that serves no order at all
        cannot be judged.
        """
        orders, within = self.orders(), self.budgets.reconnect + self.budgets.first_call
        if self.variant.subject.is_its_own and not self.correlation:
            self._own_calls.probe(self.variant.subject, orders, within, self._how_far)
            self.correlation = self._own_calls.found
            orders = self.orders()
        if self._own_calls.taken_as == NONE:
            self.unseen, self._settled = set(), True
            return
        self.unseen = {replica.name for replica in self.replicas}
        replies: list[Reply] = []

        def _seen() -> bool:
            replies.append(orders.one())
            self.unseen.discard(replies[-1].served_by or "")
            return not self.unseen or (once_served and replies[-1].ok)

        what = "a replica has served an order" if once_served else "every replica has served an order"
        tried(_seen, within=within, what=what)
        self._settled = not once_served
        self._own_calls.check_served(replies, self._how_far)

    def _how_far(self) -> str:
        """Return how far a gateway came that called no replica, and what to look at first."""
        target = "{target}" if self.variant.subject.has_placeholders else "ORDER_SERVICE_TARGET"
        return how_far(self.capabilities, self.ledgers, self.timeline.began, target)

    # The gateway

    def _variables_of_gateway(self, pointing: Mapping[str, str], subject: Subject) -> dict[str, str]:
        """
        Return all variables that a gateway is started with; those that make a mutant wrong take precedence.

        What a behaviour requests overrides the subject's file, since it is what will be judged.
        """
        requested = {**self.gateway_variables, **self.variant.variables}
        if SERVICE_CONFIG in requested:
            requested[SERVICE_CONFIG] = about_method(requested[SERVICE_CONFIG], subject.judged_method)
        return {**pointing, **subject.environment, **requested}

    def gateway_given(self, **variables: str) -> str:
        """
        Replace the gateway with one that has these variables in addition to the current ones; it may refuse to start.

        Returns "" once it listens, even if it serves nothing; otherwise how it exited, with the end of its log: a
        failure to start is then a result, not an obstacle. Without a gateway no order can be placed.
        """
        self.gateway_variables = {**self.gateway_variables, **variables}
        with self.disturb(GIVEN, "gateway", gateway_variables=dict(self.gateway_variables)) as verb:
            try:
                verb.confirmed(self.fresh_gateway())
            except SubjectUnusableError as error:
                return str(error)
        return ""

    def check_gateway(self) -> None:
        """Raise SubjectDiedError, with the end of its log, if the gateway has exited by itself."""
        self.seat.check()

    # Verbs, orders and evidence

    def disturb(self, verb: str, on: str, **members: object) -> AbstractContextManager[Verb]:
        """Record a verb, and that the gateway was disturbed. Raises NotJudgedError for one that blurs serial calls."""
        self._own_calls.check_verb(verb)
        self._disturbed = True
        if verb == "fresh gateway":  # by then its predecessor has ended
            self._gateway_asked = time.monotonic()
        return self.timeline.verb(verb, on, **members)

    def orders(self) -> Orders:
        """Return a caller of the gateway whose orders go into the timeline; what arrives, if it calls by itself."""
        if self.variant.subject.front == "self":
            return self._own_calls.arrivals(self.budgets.reply, self.check_gateway, self._keep_order)
        orders = Orders(
            lambda: self.seat.taken.url,
            self.ledgers.attempts,
            self.budgets.reply,
            check_alive=self.check_gateway,
            keep=self._keep_order,
            placing=self._own_calls.placing(self.variant.subject, self.ledger_delay),
        )
        return self._own_calls.ordered(orders.promising(self.budgets.promises))

    def _stream_placing(self) -> Placing:
        """Return how a stream is opened at the subject."""
        return self._own_calls.streaming(self.variant.subject, self.ledger_delay)

    def _keep_order(self, reply: Reply) -> None:
        """Add an order to the timeline."""
        harmed = not reply.ok and self.budgets.promises.failures_harm  # calls that come later are treated differently
        harmed |= self._own_calls.may_harm(reply)
        self._disturbed |= harmed or "CLOSE" in reply.id  # its plan closed a connection of the gateway
        self.timeline.record("order", reply.sent, **dataclasses.asdict(reply))

    def complete_timeline(self) -> None:
        """
        Add what the ledgers, the gateway's output and the capabilities have recorded to the timeline.

        The ledgers are read up to now, as far as they can be: a container's output arrives with a delay.
        """
        try:
            self.fence()
        except InconclusiveError as error:
            self.timeline.record("ledgers incomplete", message=str(error))
        if self._output:
            keep_output(self.timeline, self._output.lines(), {each.address: each.name for each in self.replicas})
        self.ledgers.keep_evidence(self.timeline)
        for capability in self.capabilities.values():
            capability.keep_evidence()
