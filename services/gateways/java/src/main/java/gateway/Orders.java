package gateway;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import com.google.gson.reflect.TypeToken;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.okhttp.OkHttpChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.security.Security;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import order.Order.GetOrderRequest;
import order.Order.GetOrderResponse;
import order.OrderServiceGrpc;

/** The channel to the order service: how calls are spread, retried and kept alive. */
final class Orders {
  private static final String SERVICE_CONFIG =
      """
      {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [{
          "name": [{"service": "order.OrderService"}],
          "retryPolicy": {
            "maxAttempts": 3,
            "initialBackoff": "0.1s",
            "maxBackoff": "1s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"]
          }
        }]
      }
      """;

  private static final Gson JSON = new GsonBuilder().setStrictness(Strictness.STRICT).create();

  private final Settings settings;
  private final ManagedChannel channel;

  /**
   * Makes the channel. It resolves and connects at the first call.
   *
   * @throws Settings.InvalidException if gRPC refuses the service config, the target or a time
   */
  Orders(Settings settings) throws Settings.InvalidException {
    this.settings = settings;
    settings.dnsMinResolutionIntervalMs().ifPresent(Orders::cacheNames);
    Map<String, Object> serviceConfig = parse(settings.grpcServiceConfig().orElse(SERVICE_CONFIG));
    try {
      this.channel = builder(settings).defaultServiceConfig(serviceConfig).build();
    } catch (IllegalStateException e) { // what ManagedChannelImpl makes of a field that is wrong
      String reason = e.getMessage().lines().findFirst().orElseThrow();
      throw new Settings.InvalidException("GRPC_SERVICE_CONFIG is invalid: " + reason);
    } catch (IllegalArgumentException e) {
      throw new Settings.InvalidException(e.getMessage());
    }
  }

  /**
   * Not over Netty: of calls that are under way, or are just being sent, when a connection is lost,
   * its transport ends some UNKNOWN, which is not retried (grpc-java#10120).
   */
  private static ManagedChannelBuilder<?> builder(Settings settings) {
    ManagedChannelBuilder<?> builder =
        OkHttpChannelBuilder.forTarget(
                settings.orderServiceTarget(), InsecureChannelCredentials.create())
            .disableServiceConfigLookUp();
    if (settings.keepaliveTimeMs() > 0) {
      builder
          .keepAliveTime(settings.keepaliveTimeMs(), TimeUnit.MILLISECONDS)
          .keepAliveTimeout(settings.keepaliveTimeoutMs(), TimeUnit.MILLISECONDS)
          .keepAliveWithoutCalls(settings.keepalivePermitWithoutCalls());
    }
    if (!settings.enableRetries()) {
      builder.disableRetry();
    }
    settings.clientIdleTimeoutMs().ifPresent(ms -> builder.idleTimeout(ms, TimeUnit.MILLISECONDS));
    settings.retryBufferBytes().ifPresent(builder::perRpcBufferLimit);
    return builder;
  }

  /**
   * Sets the floor between two questions to the name server. gRPC counts it in whole seconds, so
   * what is asked for is rounded up. The JDK keeps names as well, under gRPC, in a cache of its
   * own: nothing, here, so that each question reaches the name server.
   */
  private static void cacheNames(int floorMs) {
    System.setProperty("networkaddress.cache.ttl", String.valueOf((floorMs + 999L) / 1000));
    Security.setProperty("networkaddress.cache.ttl", "0");
    Security.setProperty("networkaddress.cache.negative.ttl", "0");
  }

  private static Map<String, Object> parse(String json) throws Settings.InvalidException {
    try {
      JsonObject config = JSON.fromJson(json, JsonObject.class); // as a map it might be a list
      if (config != null) {
        return JSON.fromJson(config, new TypeToken<Map<String, Object>>() {});
      }
    } catch (JsonParseException e) {
      throw new Settings.InvalidException("GRPC_SERVICE_CONFIG is not valid JSON: " + e.getMessage());
    }
    throw new Settings.InvalidException("GRPC_SERVICE_CONFIG is not a JSON object");
  }

  /** Makes exactly one call: what is retried is up to the service config. */
  GetOrderResponse get(String id) {
    GetOrderRequest request = GetOrderRequest.newBuilder().setId(id).build();
    return ClientCalls.blockingUnaryCall(
        keyed(id), OrderServiceGrpc.getGetOrderMethod(), options(), request);
  }

  private CallOptions options() {
    CallOptions options = CallOptions.DEFAULT;
    if (settings.callTimeoutMs() > 0) {
      options = options.withDeadlineAfter(settings.callTimeoutMs(), TimeUnit.MILLISECONDS);
    }
    if (settings.waitForReady().isPresent()) {
      boolean wait = settings.waitForReady().get();
      options = wait ? options.withWaitForReady() : options.withoutWaitForReady();
    }
    return options;
  }

  /** Returns the channel with what ring_hash is to hash (gRFC A76): the customer of the order. */
  private Channel keyed(String id) {
    if (settings.hashHeader().isEmpty()) {
      return channel;
    }
    Metadata metadata = new Metadata();
    metadata.put(
        Metadata.Key.of(settings.hashHeader().get(), Metadata.ASCII_STRING_MARSHALLER),
        id.split("[.~]", 2)[0]);
    return ClientInterceptors.intercept(
        channel, MetadataUtils.newAttachHeadersInterceptor(metadata));
  }

  void shutdown() {
    channel.shutdownNow();
  }
}
