/** Channelz (gRFC A14): what the channel says of itself, for whoever asks over gRPC. */

import grpc from "@grpc/grpc-js";

/**
 * Serve channelz of this process; returns what ends it. Rejects if the address cannot be listened on.
 *
 * @param {{ host: string, port: number }} address
 * @returns {Promise<() => void>}
 */
export async function serveChannelz({ host, port }) {
  const server = new grpc.Server();
  grpc.addAdminServicesToServer(server);
  await new Promise((resolve, reject) => {
    const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve(0)));
  });
  return () => server.forceShutdown();
}
