"""Driver: calls the inventory once for each line that it is given, and tells with which code each call ended."""

import json
import sys
from functools import partial
from pathlib import Path

import grpc

messages, services = grpc.protos_and_services("shop.proto")
policy = ("grpc.service_config", Path(sys.argv[2]).read_text())
options = [policy, *json.loads(Path("channel.json").read_text()).items()]
stock = services.InventoryStub(grpc.insecure_channel(sys.argv[1], options=options))


def tell(call, done):
    print(json.dumps({"call": call["call"], "code": done.code().name}), flush=True)


print('{"ready": true}', flush=True)
for call in map(json.loads, sys.stdin):
    request = messages.CheckoutRequest(cart=call["id"])
    stock.Reserve.future(request, timeout=call["deadline"]).add_done_callback(partial(tell, call))
