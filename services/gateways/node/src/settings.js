/** What the gateway reads from its environment: the variables of the subject contract that grpc-js can honour. */

/** A setting that the gateway cannot start with. Its text is one line, fit to be shown to whoever set it. */
export class SettingsError extends Error {}

/** @typedef {ReturnType<typeof settingsFrom>} Settings */
/** @typedef {Record<string, string | undefined>} Environment */

const HIGHEST_NUMBER = 2 ** 31 - 1; // what Node's timers take at most, in milliseconds
const HIGHEST_PORT = 65_535;

/**
 * Return the settings. What is undefined is left to the library. Throws a SettingsError naming the variable that is
 * wrong. There is none for CONNECT_TIMEOUT_MS: grpc-js waits for a connection as long as that takes.
 *
 * @param {Environment} env
 */
export function settingsFrom(env) {
  return {
    httpAddress: address(env, "HTTP_ADDRESS") ?? { host: "0.0.0.0", port: 4000 },
    orderServiceTarget: env.ORDER_SERVICE_TARGET || "dns:///order-service:5000",
    grpcServiceConfig: env.GRPC_SERVICE_CONFIG || undefined, // JSON
    dnsMinResolutionIntervalMs: number(env, "DNS_MIN_RESOLUTION_INTERVAL_MS"),
    initialReconnectBackoffMs: number(env, "INITIAL_RECONNECT_BACKOFF_MS"),
    // the library's own, 120 s, leaves a replica that is back without calls for minutes
    maxReconnectBackoffMs: number(env, "MAX_RECONNECT_BACKOFF_MS") ?? 2_000,
    clientIdleTimeoutMs: number(env, "CLIENT_IDLE_TIMEOUT_MS"),
    keepaliveTimeMs: number(env, "KEEPALIVE_TIME_MS") ?? 30_000, // 0: no keepalive
    keepaliveTimeoutMs: number(env, "KEEPALIVE_TIMEOUT_MS") ?? 5_000,
    keepalivePermitWithoutCalls: flag(env, "KEEPALIVE_PERMIT_WITHOUT_CALLS") ?? true,
    callTimeoutMs: number(env, "CALL_TIMEOUT_MS") ?? 5_000, // 0: calls have no deadline
    waitForReady: flag(env, "WAIT_FOR_READY"),
    enableRetries: flag(env, "ENABLE_RETRIES") ?? true,
    retryBufferBytes: number(env, "RETRY_BUFFER_BYTES"),
    channelzAddress: address(env, "CHANNELZ_ADDRESS"), // undefined: channelz is not served
    hashHeader: metadataKey(env, "HASH_HEADER"), // undefined: calls carry no key
  };
}

/**
 * Return a number of milliseconds or bytes, undefined where the variable is unset or empty.
 *
 * @param {Environment} env
 * @param {string} name
 */
function number(env, name) {
  const text = env[name];
  if (!text) return undefined;
  if (!/^\d+$/.test(text) || Number(text) > HIGHEST_NUMBER) {
    throw new SettingsError(`${name} is '${text}': expected a whole number from 0 to ${HIGHEST_NUMBER}`);
  }
  return Number(text);
}

/**
 * Return whether a switch is on: `true` or `false`, in any case.
 *
 * @param {Environment} env
 * @param {string} name
 */
function flag(env, name) {
  const text = env[name];
  if (!text) return undefined;
  if (!/^(true|false)$/i.test(text)) throw new SettingsError(`${name} is '${text}': expected true or false`);
  return text.toLowerCase() === "true";
}

/**
 * Return a `host:port` to listen on, an IPv6 host without its brackets; port 0 lets the system choose.
 *
 * @param {Environment} env
 * @param {string} name
 */
function address(env, name) {
  const text = env[name];
  if (!text) return undefined;
  const [, host, digits] = /^(.+):(\d+)$/.exec(text) ?? [];
  if (!host || Number(digits) > HIGHEST_PORT) throw new SettingsError(`${name} is '${text}': expected host:port`);
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(digits) };
}

/**
 * Return a key of gRPC metadata whose values are text.
 *
 * @param {Environment} env
 * @param {string} name
 */
function metadataKey(env, name) {
  const text = env[name];
  if (!text) return undefined;
  if (!/^(?!grpc-)[a-z0-9._-]+(?<!-bin)$/.test(text)) {
    throw new SettingsError(`${name} is '${text}': expected a lower-case metadata key, not grpc-… or …-bin`);
  }
  return text;
}
