"""How a gRPC library is made to report what its channels do: `library_log = true` in the subject file."""

from collections.abc import Mapping

LIBRARY_LOG: Mapping[str, str] = {
    "GRPC_GO_LOG_SEVERITY_LEVEL": "info",
    "GRPC_VERBOSITY": "DEBUG",
    "GRPC_TRACE": "client_channel,subchannel,connectivity_state,dns_resolver,resolving_load_balancer",
}
"""
What makes grpc-go, C-core and grpc-js write it; each ignores what it does not know.

grpc-go grpclog/loggerv2.go; C-core doc/environment_variables.md, doc/trace_flags.md; grpc-js src/logging.ts. grpc-java
writes it to java.util.logging (io.grpc.ChannelLogger, FINEST), which a file configures.
"""
