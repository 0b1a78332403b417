/** The gateway: `node src/main.js`. Status 0 after SIGTERM, 1 if a port is taken, 2 for an invalid setting. */

import { once } from "node:events";
import process from "node:process";

import { caller, openClient } from "./channel.js";
import { serveChannelz } from "./channelz.js";
import { settingsFrom } from "./settings.js";
import { serve } from "./web.js";

/** Return what the environment asks for: the settings, and a client made by them. Throws a SettingsError. */
function configured() {
  const settings = settingsFrom(process.env);
  return { settings, client: openClient(settings) };
}

/**
 * Serve orders until SIGTERM or SIGINT, then finish the requests in flight. Rejects if a port is taken.
 *
 * @param {ReturnType<typeof configured>} configuration
 */
async function run({ settings, client }) {
  const endChannelz = settings.channelzAddress && (await serveChannelz(settings.channelzAddress));
  const server = await serve(caller(client, settings), settings.httpAddress);
  console.error(`orders on port ${/** @type {import("node:net").AddressInfo} */ (server.address()).port}`);

  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  server.close();
  await once(server, "close");
  client.close();
  endChannelz?.();
}

/**
 * Say what is wrong in one line and end.
 *
 * @param {number} status
 * @returns {(error: Error) => never}
 */
function complaining(status) {
  return (error) => {
    console.error(error.message);
    process.exit(status);
  };
}

await Promise.resolve().then(configured).catch(complaining(2)).then(run).catch(complaining(1));
