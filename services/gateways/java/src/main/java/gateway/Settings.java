package gateway;

import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What the gateway reads from its environment: the variables of the subject contract, tier 2.
 *
 * <p>Times are milliseconds. Empty stands for the library's own value; connection backoff and the
 * time to connect are not here, because grpc-java lets nobody set them.
 *
 * @param keepaliveTimeMs 0: no keepalive
 * @param callTimeoutMs 0: calls have no deadline
 * @param waitForReady empty: as the service config says
 * @param channelzAddress empty: channelz is not served
 * @param hashHeader the metadata key of whose order a call is about; empty: calls carry none
 */
record Settings(
    InetSocketAddress httpAddress,
    String orderServiceTarget,
    Optional<String> grpcServiceConfig,
    OptionalInt dnsMinResolutionIntervalMs,
    OptionalInt clientIdleTimeoutMs,
    int keepaliveTimeMs,
    int keepaliveTimeoutMs,
    boolean keepalivePermitWithoutCalls,
    int callTimeoutMs,
    Optional<Boolean> waitForReady,
    boolean enableRetries,
    OptionalInt retryBufferBytes,
    Optional<InetSocketAddress> channelzAddress,
    Optional<String> hashHeader) {

  /** A setting that the gateway cannot start with; the message is one line for whoever set it. */
  static final class InvalidException extends Exception {
    private static final long serialVersionUID = 1;

    InvalidException(String message) {
      super(message);
    }
  }

  /** Returns the settings, or throws what names the variable that is wrong. */
  static Settings from(Map<String, String> environment) throws InvalidException {
    Variables variables = new Variables(environment);
    return new Settings(
        variables.address("HTTP_ADDRESS").orElse(new InetSocketAddress("0.0.0.0", 4000)),
        variables.text("ORDER_SERVICE_TARGET").orElse("dns:///order-service:5000"),
        variables.text("GRPC_SERVICE_CONFIG"),
        variables.number("DNS_MIN_RESOLUTION_INTERVAL_MS"),
        variables.number("CLIENT_IDLE_TIMEOUT_MS"),
        variables.number("KEEPALIVE_TIME_MS").orElse(30_000),
        variables.number("KEEPALIVE_TIMEOUT_MS").orElse(5_000),
        variables.flag("KEEPALIVE_PERMIT_WITHOUT_CALLS").orElse(true),
        variables.number("CALL_TIMEOUT_MS").orElse(5_000),
        variables.flag("WAIT_FOR_READY"),
        variables.flag("ENABLE_RETRIES").orElse(true),
        variables.number("RETRY_BUFFER_BYTES"),
        variables.address("CHANNELZ_ADDRESS"),
        variables.text("HASH_HEADER"));
  }

  /** An environment as typed values; what is unset or empty is absent. */
  private record Variables(Map<String, String> environment) {
    private Optional<String> text(String name) {
      return Optional.ofNullable(environment.get(name)).filter(text -> !text.isEmpty());
    }

    private OptionalInt number(String name) throws InvalidException {
      Optional<String> text = text(name);
      if (text.isEmpty()) {
        return OptionalInt.empty();
      }
      if (!text.get().matches("\\d{1,9}")) {
        throw new InvalidException(name + " is '" + text.get() + "': expected a whole number");
      }
      return OptionalInt.of(Integer.parseInt(text.get()));
    }

    private Optional<Boolean> flag(String name) throws InvalidException {
      Optional<String> text = text(name);
      if (text.isPresent() && !text.get().matches("(?i)true|false")) {
        throw new InvalidException(name + " is '" + text.get() + "': expected true or false");
      }
      return text.map(Boolean::valueOf);
    }

    private Optional<InetSocketAddress> address(String name) throws InvalidException {
      Optional<String> text = text(name);
      if (text.isEmpty()) {
        return Optional.empty();
      }
      int colon = text.get().lastIndexOf(':');
      try {
        int port = Integer.parseInt(text.get().substring(colon + 1));
        return Optional.of(new InetSocketAddress(text.get().substring(0, colon), port));
      } catch (IllegalArgumentException | StringIndexOutOfBoundsException e) {
        throw new InvalidException(name + " is '" + text.get() + "': expected host:port");
      }
    }
  }
}
