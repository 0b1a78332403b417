/** The channel to the order service: how calls are spread, retried and kept alive. The part that is judged. */

import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

import { SettingsError } from "./settings.js";

/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {{ id: string, served_by: string }} Order */
/** @typedef {(id: string) => Promise<Order>} GetOrder */

const PROTO = fileURLToPath(new URL("../order.proto", import.meta.url));
const SERVICE = "order.OrderService";

const SERVICE_CONFIG = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: [{ service: SERVICE }],
      retryPolicy: {
        maxAttempts: 3,
        initialBackoff: "0.1s",
        maxBackoff: "1s",
        backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE"],
      },
    },
  ],
};

/**
 * Return a client of the order service: one channel, which resolves and connects at the first call.
 *
 * Throws a SettingsError if grpc-js refuses the target or the service config; it says itself which field is wrong.
 *
 * @param {Settings} settings
 * @returns {grpc.Client}
 */
export function openClient(settings) {
  const credentials = grpc.credentials.createInsecure();
  try {
    return new OrderService(settings.orderServiceTarget, credentials, channelOptions(settings));
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    throw new SettingsError(`GRPC_SERVICE_CONFIG or ORDER_SERVICE_TARGET is invalid: ${message}`, { cause: error });
  }
}

/** keepCase: the fields have their names of order.proto, and those are JSON's too. */
const OrderService = /** @type {grpc.ServiceClientConstructor} */ (
  grpc.makeClientConstructor(
    /** @type {grpc.ServiceDefinition} */ (loadSync(PROTO, { keepCase: true, defaults: true })[SERVICE]),
    SERVICE,
  )
);

/**
 * Return the channel's options. What is undefined is left out: grpc-js asks of some whether they are there.
 *
 * @param {Settings} settings
 * @returns {grpc.ChannelOptions}
 */
function channelOptions(settings) {
  const options = {
    "grpc.service_config": settings.grpcServiceConfig ?? JSON.stringify(SERVICE_CONFIG),
    // else a TXT record of the name server replaces the service config
    "grpc.service_config_disable_resolution": 1,
    "grpc.dns_min_time_between_resolutions_ms": settings.dnsMinResolutionIntervalMs,
    "grpc.initial_reconnect_backoff_ms": settings.initialReconnectBackoffMs,
    "grpc.max_reconnect_backoff_ms": settings.maxReconnectBackoffMs,
    "grpc.client_idle_timeout_ms": settings.clientIdleTimeoutMs,
    "grpc.enable_retries": settings.enableRetries ? undefined : 0,
    "grpc.per_rpc_retry_buffer_size": settings.retryBufferBytes,
    // channels with equal options share their connections by default, which hides what one channel does
    "grpc.use_local_subchannel_pool": 1,
    ...(settings.keepaliveTimeMs > 0 && {
      "grpc.keepalive_time_ms": settings.keepaliveTimeMs,
      "grpc.keepalive_timeout_ms": settings.keepaliveTimeoutMs,
      "grpc.keepalive_permit_without_calls": Number(settings.keepalivePermitWithoutCalls),
    }),
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/**
 * Return what makes exactly one call on the channel: what is retried is up to the service config.
 *
 * @param {grpc.Client} client
 * @param {Settings} settings
 * @returns {GetOrder}
 */
export function caller(client, settings) {
  return (id) =>
    new Promise((resolve, reject) => {
      const options = settings.callTimeoutMs ? { deadline: Date.now() + settings.callTimeoutMs } : {};
      const done = (/** @type {grpc.ServiceError | null} */ error, /** @type {Order} */ order) =>
        error ? reject(error) : resolve(order);
      /** @type {any} */ (client).GetOrder({ id }, metadata(settings, id), options, done);
    });
}

/**
 * Return what goes with a call: whether it waits for a replica, and whose order it is, for policies that hash that
 * (gRFC A76): what comes before the "." of its id.
 *
 * @param {Settings} settings
 * @param {string} id
 */
function metadata({ waitForReady, hashHeader }, id) {
  const result = new grpc.Metadata(waitForReady === undefined ? {} : { waitForReady });
  if (hashHeader) result.set(hashHeader, id.replace(/[~.].*$/s, ""));
  return result;
}
