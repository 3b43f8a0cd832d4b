// The control API, for the holder of its token. The token lives in this tab alone: a cookie would reach every
// other port of this machine, and a URL is written down in histories.

const TOKEN = "control-token";
const LONGEST_WAIT_MS = 30_000;

/** What the control API refused, or why it could not be asked; its message is for a person. */
export class ControlError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

let whenSignedOut = () => {};

/** What to do when the token turns out to be wrong. */
export function onSignedOut(listener) {
  whenSignedOut = listener;
}

/** Whether this tab has a token; it may be a wrong one. */
export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

/** Keep a token for this tab. */
export function keepToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

/** Forget the token, and what this tab remembers of what it was good for. */
export function forgetToken() {
  sessionStorage.clear();
}

/** GET /control/<path>, with a query from `parameters`; those that are null or "" are left out. */
export function get(path, parameters = {}) {
  return call("GET", path + query(parameters));
}

/** POST a JSON object to /control/<path>. */
export function post(path, body = {}) {
  return call("POST", path, body);
}

/** PUT a JSON object to /control/<path>. */
export function put(path, body) {
  return call("PUT", path, body);
}

/** DELETE /control/<path>, with a query from `parameters`. */
export function remove(path, parameters = {}) {
  return call("DELETE", path + query(parameters));
}

function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

async function call(method, path, body) {
  const token = sessionStorage.getItem(TOKEN) ?? "";
  const headers = { Authorization: `Bearer ${token}`, Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`/control/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(LONGEST_WAIT_MS),
    });
  } catch (error) {
    throw new ControlError(
      error.name === "TimeoutError"
        ? `The sandbox did not answer within ${LONGEST_WAIT_MS / 1000} seconds; try again.`
        : `The sandbox does not answer at ${location.origin}; start it with: acqp-gateway sandbox serve`,
    );
  }
  const answer = await response.json().catch(() => null);
  if (response.status === 401) {
    forgetToken();
    whenSignedOut();
  }
  if (!response.ok || answer === null || typeof answer !== "object") {
    throw new ControlError(readable(answer, response.status), response.status);
  }
  return answer;
}

function readable(answer, status) {
  const text = typeof answer?.error === "string" ? answer.error : `The sandbox answered HTTP ${status}.`;
  try {
    // marshmallow's own form: {"member": ["what is wrong"]}
    return Object.entries(JSON.parse(text)).map(([member, faults]) => `${member}: ${flat(faults)}`).join("; ");
  } catch {
    return text;
  }
}

function flat(faults) {
  if (typeof faults === "string") return faults;
  return Object.entries(faults).map(([key, value]) => (/^\d+$/.test(key) ? flat(value) : `${key}: ${flat(value)}`)).join(" ");
}
