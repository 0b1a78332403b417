package gateway;

import io.grpc.InsecureServerCredentials;
import io.grpc.okhttp.OkHttpServerBuilder;
import io.grpc.protobuf.services.ChannelzService;
import java.io.IOException;
import java.net.InetSocketAddress;

/** REST in, gRPC out. Status 1 if a port is taken, 2 for an invalid setting. */
final class Main {
  private static final int CHANNELZ_PAGE = 100;

  private Main() {}

  public static void main(String[] args) {
    try {
      run(Settings.from(System.getenv()));
    } catch (Settings.InvalidException e) {
      System.err.println(e.getMessage());
      System.exit(2);
    } catch (IOException e) {
      System.err.println(e.getMessage());
      System.exit(1);
    }
  }

  /** Serves until SIGTERM or SIGINT, then finishes the requests in flight. */
  private static void run(Settings settings) throws Settings.InvalidException, IOException {
    Orders orders = new Orders(settings);
    if (settings.channelzAddress().isPresent()) {
      serveChannelz(settings.channelzAddress().get());
    }
    Web web = new Web(orders, settings.httpAddress());
    System.err.println("orders on port " + web.port());
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  web.stop(settings.callTimeoutMs() + 1000); // no request lasts much longer
                  orders.shutdown();
                }));
  }

  private static void serveChannelz(InetSocketAddress address) throws IOException {
    OkHttpServerBuilder.forPort(address, InsecureServerCredentials.create())
        .addService(ChannelzService.newInstance(CHANNELZ_PAGE))
        .build()
        .start();
  }
}
