// All messages, the newest first, page by page.

import { byId, fill, fillSelect, say, show, whileBusy } from "./dom.js";
import { get } from "./control.js";
import { messageLine } from "./messages.js";

const PAGE = 30;

let oldest = null;
const seen = new Set();

/** Show the newest messages. */
export async function beginHistory() {
  try {
    await load(true);
    const { apis } = await get("faults");
    for (const api of Object.keys(apis ?? {})) seen.add(api);
    nameApis([]);
  } catch (error) {
    say(byId("history-notice"), error.message);
  }
}

async function load(anew) {
  const api = byId("history-api").value;
  const { messages } = await get("history", { api, limit: PAGE, before: anew ? null : oldest });
  say(byId("history-notice"), null);
  const lines = messages.map(messageLine);
  if (anew) fill(byId("history"), ...lines);
  else byId("history").append(...lines);
  oldest = messages.at(-1)?.id ?? oldest;
  show(byId("more-history"), messages.length === PAGE);
  byId("history-empty").textContent = api
    ? `No message of ${api} is kept.`
    : "There are no messages yet: pay with the wallet, or let the gateway ask how a merchant stands.";
  show(byId("history-empty"), !byId("history").childElementCount);
  nameApis(messages);
}

function nameApis(messages) {
  for (const message of messages) seen.add(message.api);
  fillSelect(byId("history-api"), [["", "all"], ...[...seen].sort().map((api) => [api, api])]);
}

byId("history-api").addEventListener("change", beginHistory);
byId("refresh-history").addEventListener("click", () =>
  whileBusy(byId("refresh-history"), byId("history-notice"), () => load(true)),
);
byId("more-history").addEventListener("click", () =>
  whileBusy(byId("more-history"), byId("history-notice"), () => load(false)),
);
