import json, sys, threading  # noqa: D100, E401, I001
import grpc

pb, rpc = grpc.protos_and_services("shop.proto")
channel = grpc.insecure_channel(sys.argv[1], options=[
    ("grpc.service_config", open(sys.argv[2]).read()),  # noqa: PTH123, SIM115
    ("grpc.dns_min_time_between_resolutions_ms", 500), ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 400),
])
stock = rpc.InventoryStub(channel)

def reserve(call):  # type: ignore[no-untyped-def]
    future = stock.Reserve.future(pb.CheckoutRequest(cart=call["id"]), timeout=call["deadline"])
    future.add_done_callback(lambda done: print(json.dumps({"call": call["call"], "code": done.code().name}), flush=True))

print('{"ready": true}', flush=True)
for line in sys.stdin:
    reserve(json.loads(line))  # type: ignore[no-untyped-call]
