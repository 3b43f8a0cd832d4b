// Signed messages as the history keeps them: one line each, which opens to everything that was sent and signed.

import { fill, make } from "./dom.js";
import { hour } from "./clock.js";

/** The line of one message; what is inside is made when it is opened for the first time. */
export function messageLine(message) {
  const inside = make("div", { class: "message-inside" });
  const line = make(
    "details",
    { class: "message", "data-id": message.id },
    make(
      "summary",
      {},
      make("span", { class: "message-time" }, hour(message.time, { milliseconds: true })),
      arrow(message),
      make("span", { class: "message-api" }, message.api),
      make(
        "span",
        { class: `message-result ${toneOf(message.result, paymentResult(message))}` },
        [message.result ?? "no result", paymentResult(message)].filter(Boolean).join(" · payment: "),
        message.fault ? make("span", { class: "message-fault" }, ` fault ${message.fault}`) : "",
      ),
      badge(message),
    ),
    inside,
  );
  line.addEventListener("toggle", () => {
    if (line.open && !inside.childElementCount) fill(inside, ...described(message));
  });
  return line;
}

function arrow(message) {
  const received = message.direction === "received";
  const [sign, text] = received ? ["←", "the sandbox received it"] : ["→", "the sandbox sent it"];
  return make("span", { class: `arrow arrow-${received ? "received" : "sent"}`, role: "img", "aria-label": text, title: text }, sign);
}

/** What an inquiry was told of the payment: an answer about a failed one succeeds, too. */
function paymentResult(message) {
  try {
    return JSON.parse(message.answer?.body ?? "{}").paymentResult?.resultCode ?? null;
  } catch {
    return null;
  }
}

function toneOf(result, payment) {
  if (result === "SUCCESS" && (payment === null || payment === "SUCCESS")) return "tone-good";
  return result && payment !== "PAYMENT_IN_PROCESS" ? "tone-bad" : "tone-none";
}

/** verified; not verified; or none, where nothing came that could have been signed. */
function badge(message) {
  const [kind, text] = message.signatureVerified
    ? ["good", "verified"]
    : message.direction === "sent" && message.answer === null
      ? ["none", "none"]
      : ["bad", "not verified"];
  return make("span", { class: `badge badge-${kind}`, title: message.verdict }, text);
}

function described(message) {
  const whose = message.direction === "received" ? "the request" : "the answer";
  const facts = [
    ["Signature of " + whose, message.verdict],
    ["About", message.subject],
    ["Fault", message.fault],
    ["Failure", message.failure],
    ["Time", message.time],
  ].filter(([, text]) => text);
  return [
    make("dl", { class: "facts" }, ...facts.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)])),
    ...part("Request", `${message.method} ${message.target}`, message.request),
    ...(message.answer
      ? part("Answer", message.answer.status ?? "", message.answer)
      : [make("h3", {}, "Answer"), make("p", { class: "hint" }, "None came.")]),
  ];
}

function part(title, line, content) {
  const headers = Object.entries(content.headers);
  return [
    make("h3", {}, title, line ? make("code", { class: "line" }, line) : ""),
    headers.length
      ? make("dl", { class: "headers" }, ...headers.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]))
      : make("p", { class: "hint" }, "Its headers are not known."),
    block("Body", pretty(content), content.bodyIsCut ? `the first part of ${content.bodyBytes} bytes` : `${content.bodyBytes} bytes`),
    content.signedText === null
      ? make("p", { class: "hint" }, "No signed text: the client id or the time is missing.")
      : block("Signed text", content.signedText, "exactly as it was, or had to be, signed"),
  ];
}

function block(title, text, remark) {
  return make(
    "figure",
    {},
    make("figcaption", {}, make("strong", {}, title), ` ${remark}`),
    make("pre", { tabindex: "0", "aria-label": title }, text || "(empty)"),
  );
}

function pretty(content) {
  try {
    return JSON.stringify(JSON.parse(content.body), null, 2);
  } catch {
    // What is no JSON, or was cut, is shown as it came.
    return content.body;
  }
}
