"""The service of a peer, on the wire: which order a request is, and the message that answers it."""

from collections.abc import Mapping

from services.order.answers import Answers
from services.order.correlation import find
from services.order.service import METHOD
from services.proto import order_pb2
from tests.harness.subject.service import ANSWERS


class WireService:
    """What the order service answers that has these variables, without its plans."""

    def __init__(self, name: str, variables: Mapping[str, str]) -> None:
        self._name = name
        self._answers = Answers.if_set(variables, ANSWERS)

    def order_in(self, method: str, message: bytes, headers: Mapping[str, str]) -> str:
        """Return the id of the order in a request, "" if it has none. Raises DecodeError."""
        if self._answers is None or method == METHOD:
            return str(order_pb2.GetOrderRequest.FromString(message).id)
        return find(message, headers.items()).id

    def reply(self, method: str, order_id: str) -> bytes:
        """Return the message that answers it."""
        if self._answers is None or method == METHOD:
            return bytes(order_pb2.GetOrderResponse(id=order_id, served_by=self._name).SerializeToString())
        return self._answers.reply(method, order_id)
