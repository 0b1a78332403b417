"""Driver: calls the inventory once for each line that it is given, and tells with which code each call ended."""

import json
import sys
from pathlib import Path

import grpc

messages, services = grpc.protos_and_services("shop.proto")
options = [
    ("grpc.service_config", Path(sys.argv[2]).read_text()),
    *json.loads(Path("channel.json").read_text()).items(),
]
stock = services.InventoryStub(grpc.insecure_channel(sys.argv[1], options=options))


def tell(number, done):
    print(json.dumps({"call": number, "code": done.code().name, "message": done.details()}), flush=True)


print('{"ready": true}', flush=True)
for call in map(json.loads, sys.stdin):
    future = stock.Reserve.future(messages.CheckoutRequest(cart=call["id"]), timeout=call["deadline"])
    future.add_done_callback(lambda done, number=call["call"]: tell(number, done))
