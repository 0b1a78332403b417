package gateway;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import order.Order.GetOrderResponse;

/** The HTTP side: {@code GET /orders/{id}} makes one call; /livez and /readyz say that it runs. */
final class Web {
  private static final int BACKLOG = 1024;
  private static final String ORDERS = "/orders/";
  private static final Gson JSON = new GsonBuilder().disableHtmlEscaping().create();

  private final Orders orders;
  private final HttpServer server;
  private final ExecutorService workers = Executors.newCachedThreadPool();

  /** Serves orders at once. */
  Web(Orders orders, InetSocketAddress address) throws IOException {
    // the JDK's server leaves Nagle's algorithm on: a caller has its reply up to 40 ms late
    System.setProperty("sun.net.httpserver.nodelay", "true");
    this.orders = orders;
    this.server = HttpServer.create(address, BACKLOG);
    server.setExecutor(workers);
    server.createContext("/", this::handle);
    server.start();
  }

  int port() {
    return server.getAddress().getPort();
  }

  /** Takes no request any more, and returns once those in flight are answered. */
  void stop(long patienceMs) {
    workers.shutdown();
    try {
      workers.awaitTermination(patienceMs, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    server.stop(0);
  }

  private void handle(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getRawPath(); // an id may have a slash in it, as %2F
    if (!exchange.getRequestMethod().equals("GET")) {
      answer(exchange, 405, Map.of());
    } else if (path.equals("/livez") || path.equals("/readyz")) {
      answer(exchange, 200, Map.of()); // the channel connects when it is needed
    } else if (path.startsWith(ORDERS) && path.lastIndexOf('/') == ORDERS.length() - 1) {
      order(exchange, URI.create(path).getPath().substring(ORDERS.length()));
    } else {
      answer(exchange, 404, Map.of());
    }
  }

  private void order(HttpExchange exchange, String id) throws IOException {
    try {
      GetOrderResponse reply = orders.get(id);
      answer(exchange, 200, Map.of("id", reply.getId(), "served_by", reply.getServedBy()));
    } catch (StatusRuntimeException e) {
      Status status = e.getStatus();
      String message = Objects.requireNonNullElse(status.getDescription(), "");
      answer(
          exchange,
          httpStatus(status.getCode()),
          Map.of("code", status.getCode().name(), "message", message));
    }
  }

  private static void answer(HttpExchange exchange, int status, Map<String, String> members)
      throws IOException {
    byte[] body = JSON.toJson(members).getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, body.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(body);
    }
  }

  /** The mapping of google/rpc/code.proto. */
  private static int httpStatus(Status.Code code) {
    return switch (code) {
      case OK -> 200;
      case INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE -> 400;
      case UNAUTHENTICATED -> 401;
      case PERMISSION_DENIED -> 403;
      case NOT_FOUND -> 404;
      case ALREADY_EXISTS, ABORTED -> 409;
      case RESOURCE_EXHAUSTED -> 429;
      case CANCELLED -> 499;
      case UNKNOWN, INTERNAL, DATA_LOSS -> 500;
      case UNIMPLEMENTED -> 501;
      case UNAVAILABLE -> 503;
      case DEADLINE_EXCEEDED -> 504;
    };
  }
}
