/** The HTTP side: one order in the path, one call behind it. It knows nothing of how the call is made. */

import { once } from "node:events";
import { createServer } from "node:http";

import grpc from "@grpc/grpc-js";

/** @typedef {import("./channel.js").GetOrder} GetOrder */

/**
 * The HTTP status of each code, as google/rpc/code.proto maps them; 499 is not in the registry, which has no word for
 * CANCELLED.
 *
 * @type {Record<string, number>}
 */
const HTTP_STATUS = {
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  UNAUTHENTICATED: 401,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
};

/**
 * Serve `/orders/{id}`, `/livez` and `/readyz`; returns the server once it listens. Rejects if it cannot.
 *
 * Each request for an order awaits `getOrder` once, with the id decoded from the URL and otherwise unchanged. A failed
 * call becomes the HTTP status of its code, with the code's name in the body.
 *
 * @param {GetOrder} getOrder
 * @param {{ host: string, port: number }} address
 */
export async function serve(getOrder, address) {
  const server = createServer(async (request, response) => {
    const [status, document] = await answer(getOrder, request);
    response.shouldKeepAlive &&= server.listening; // a server that closes waits for those who stay connected
    response.writeHead(status, { "content-type": "application/json" }).end(document && JSON.stringify(document));
  });
  server.listen(address);
  await once(server, "listening");
  return server;
}

/**
 * Return the HTTP status and what the body shall say, if it has one.
 *
 * @param {GetOrder} getOrder
 * @param {{ method?: string, url?: string }} request
 * @returns {Promise<[number, object?]>}
 */
async function answer(getOrder, { method, url = "" }) {
  const [path] = url.split("?", 1);
  if (method !== "GET") return [405];
  if (path === "/livez" || path === "/readyz") return [200]; // what answers is ready: the channel connects when needed
  const [, escaped] = /^\/orders\/([^/]+)$/.exec(path) ?? [];
  if (escaped === undefined) return [404];
  const id = unescaped(escaped);
  return id === undefined ? [400] : order(getOrder, id);
}

/**
 * Return what the text is escaped from, or undefined if that is no UTF-8.
 *
 * @param {string} text
 */
function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * @param {GetOrder} getOrder
 * @param {string} id
 * @returns {Promise<[number, object]>}
 */
async function order(getOrder, id) {
  try {
    const { id: same, served_by } = await getOrder(id);
    return [200, { id: same, served_by }];
  } catch (error) {
    const { code, details } = /** @type {grpc.ServiceError} */ (error);
    return [HTTP_STATUS[grpc.status[code]] ?? 500, { code: grpc.status[code], message: details }];
  }
}
