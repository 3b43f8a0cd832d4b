// The wallet's page: whose wallet, a code, its order, the payment, and the signed messages of it all.

import { byId, fill, fillAmount, fillSelect, say, show, whileBusy } from "./dom.js";
import { get, post } from "./control.js";
import { codeSources } from "./code-sources.js";
import { messageLine } from "./messages.js";
import { showEnd } from "./end-view.js";
import { showOrder, showTime } from "./order-view.js";
import { signIn } from "./sign-in.js";

const POLL_MS = 1000;
// What is still on its way when a scan has finished, such as a notification, is waited for.
const POLLS_AFTER_THE_END = 4;
const MOST_LINES = 200;
// So that a reloaded page goes on where it was.
const LAST_SCAN = "last-scan";
const LAST_CHOICE = "last-choice";

const VIEWS = ["scan-view", "asking-view", "order-view", "end-view"];
const STATE_WORDS = { FROZEN: "This account is frozen", CLOSED: "This account is closed" };

// `acts` counts what the user did: what was asked before that is no longer news.
const state = { users: [], quotes: [], scan: null, lastMessage: 0, watch: 0, acts: 0 };

const camera = codeSources(
  (text) => {
    byId("code").value = text;
    lookUp(text);
  },
  () => !byId("scan-view").hidden,
);

async function begin() {
  await loadWallets();
  const last = sessionStorage.getItem(LAST_SCAN);
  if (last !== null) await resume(last);
  else showView("scan-view");
}

async function resume(scanId) {
  try {
    const { scan } = await get(`scans/${encodeURIComponent(scanId)}`);
    await choose(scan);
    follow(scan);
  } catch (error) {
    // The sandbox's store may be a new one by now.
    if (error.status === 404) sessionStorage.removeItem(LAST_SCAN);
    showView("scan-view");
    say(byId("scan-notice"), error.status === 404 ? null : error.message);
  }
}

async function choose(scan) {
  const psps = [...byId("psp").options].map((option) => option.value);
  if (psps.includes(scan.pspName) && byId("psp").value !== scan.pspName) {
    byId("psp").value = scan.pspName;
    await loadUsers();
  }
  if (state.users.some((user) => user.customerId === scan.customerId)) byId("user").value = scan.customerId;
  showUser();
}

async function loadWallets() {
  const { psps } = await get("wallet/psps");
  const [psp, customer] = (sessionStorage.getItem(LAST_CHOICE) ?? "").split("\n");
  fillSelect(byId("psp"), psps.map(({ pspName }) => [pspName, pspName]), psp);
  if (!psps.length) {
    say(byId("wallet-notice"), "No wallet has users; make one with: acqp-gateway sandbox wallet --help");
    return;
  }
  say(byId("wallet-notice"), null);
  await loadUsers(customer);
}

async function loadUsers(chosen) {
  const pspName = byId("psp").value;
  const [{ users }, { quotes }] = await Promise.all([get("wallet/users", { pspName }), get("wallet/quotes", { pspName })]);
  // Another wallet may have been chosen meanwhile, and another user.
  if (byId("psp").value !== pspName) return;
  state.users = users;
  state.quotes = quotes.filter((quote) => quote.pspName === pspName);
  fillSelect(byId("user"), users.map((user) => [user.customerId, user.name ?? user.customerId]), chosen ?? byId("user").value);
  showUser();
}

function chosenUser() {
  return state.users.find((user) => user.customerId === byId("user").value) ?? null;
}

function showUser() {
  const user = chosenUser();
  if (user) fillAmount(byId("balance"), { currency: user.currency, value: user.balance });
  else fill(byId("balance"), "–");
  fill(byId("user-state"), user ? (STATE_WORDS[user.status] ?? "") : "");
  if (user) sessionStorage.setItem(LAST_CHOICE, `${byId("psp").value}\n${user.customerId}`);
}

function showView(shown) {
  for (const view of VIEWS) show(byId(view), view === shown);
  // Whose wallet it is cannot change under a payment.
  for (const id of ["psp", "user"]) byId(id).disabled = shown !== "scan-view";
}

async function lookUp(text) {
  // One code at a time: a picture may be read while another code is looked up already.
  if (byId("scan-view").hidden) return undefined;
  camera.stop();
  say(byId("scan-notice"), null);
  const codeValue = text.trim();
  const speed = Number(byId("speed").value || 1);
  if (!codeValue) return say(byId("scan-notice"), "Paste a code, scan one, or choose a picture of one.");
  if (!chosenUser()) return say(byId("scan-notice"), "Choose a wallet and a user first.");
  if (!(speed >= 1)) return say(byId("scan-notice"), "The speed, under “For testers”, must be 1 or more.");
  showView("asking-view");
  clearMessages();
  try {
    const { scan } = await post("scans", {
      codeValue,
      pspName: byId("psp").value,
      customerId: chosenUser().customerId,
      mode: byId("mode").value,
      speed,
    });
    sessionStorage.setItem(LAST_SCAN, scan.scanId);
    follow(scan);
  } catch (error) {
    showView("scan-view");
    say(byId("scan-notice"), error.message);
  }
  return undefined;
}

/** Show a scan, and everything that becomes of it, until it has finished. */
async function follow(scan) {
  const watch = ++state.watch;
  clearMessages();
  showScan(scan);
  let after = 0;
  while (watch === state.watch && after <= POLLS_AFTER_THE_END) {
    await tick(watch, scan.scanId);
    if (state.scan?.finished) after += 1;
    await new Promise((resume) => setTimeout(resume, POLL_MS));
  }
  if (watch === state.watch) fill(byId("messages-live"), "");
}

async function tick(watch, scanId) {
  const acts = state.acts;
  try {
    const [{ scan }, { messages }] = await Promise.all([
      get(`scans/${encodeURIComponent(scanId)}`),
      get("history", { scan: scanId, after: state.lastMessage, limit: MOST_LINES }),
    ]);
    if (watch !== state.watch) return;
    addMessages(messages);
    if (acts === state.acts) showScan(scan);
    fill(byId("messages-live"), scan.finished ? "" : "live");
    say(byId("messages-notice"), null);
  } catch (error) {
    if (watch === state.watch) say(byId("messages-notice"), error.message);
  }
}

function showScan(scan) {
  const before = state.scan;
  state.scan = scan;
  if (scan.state === "DECODED") {
    if (before?.scanId === scan.scanId && before.state === "DECODED") return showTime(scan);
    showOrder(scan, chosenUser(), state.quotes);
    showView("order-view");
    byId(byId("pin-field").hidden ? "pay-button" : "pin").focus();
    return;
  }
  showEnd(scan);
  if (byId("end-view").hidden) {
    showView("end-view");
    byId("end-headline").focus();
  }
  // The balance has changed, or may have.
  if (scan.finished && !before?.finished) loadUsers().catch(() => {});
}

function addMessages(messages) {
  const list = byId("messages");
  for (const message of messages) {
    if (message.id <= state.lastMessage) continue;
    state.lastMessage = message.id;
    insert(list, message);
  }
  show(byId("messages-empty"), !list.childElementCount);
}

/** By the time at which it went out or came in: who answers keeps a message before who asked. */
function insert(list, message) {
  const line = messageLine(message);
  line.dataset.time = message.time;
  const later = [...list.children].find((other) => other.dataset.time > message.time);
  list.insertBefore(line, later ?? null);
}

function clearMessages() {
  state.scan = null;
  state.lastMessage = 0;
  fill(byId("messages"));
  show(byId("messages-empty"), true);
  say(byId("messages-notice"), null);
}

byId("psp").addEventListener("change", () => loadUsers().catch((error) => say(byId("wallet-notice"), error.message)));
byId("user").addEventListener("change", showUser);
byId("code-form").addEventListener("submit", (event) => {
  event.preventDefault();
  lookUp(byId("code").value);
});
byId("code").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    lookUp(byId("code").value);
  }
});
byId("pay-form").addEventListener("submit", (event) => {
  event.preventDefault();
  whileBusy(byId("pay-button"), byId("pay-notice"), async () => {
    const pin = byId("pin").value;
    if (chosenUser()?.pin && !pin) throw new Error("Enter the PIN first.");
    const { scan } = await post(`scans/${state.scan.scanId}/pay`, pin && !byId("pin-field").hidden ? { pin } : {});
    byId("pin").value = "";
    state.acts += 1;
    showScan(scan);
  });
});
byId("leave-button").addEventListener("click", () =>
  whileBusy(byId("leave-button"), byId("pay-notice"), async () => {
    const { scan } = await post(`scans/${state.scan.scanId}/leave`);
    state.acts += 1;
    showScan(scan);
  }),
);
byId("again-button").addEventListener("click", () => {
  beginAnew("");
  byId("camera-button").focus();
});
byId("retry-button").addEventListener("click", () => {
  beginAnew(state.scan?.codeValue ?? "");
  byId("code-form").requestSubmit();
});

function beginAnew(code) {
  state.watch += 1;
  sessionStorage.removeItem(LAST_SCAN);
  byId("code").value = code;
  fill(byId("messages-live"), "");
  showView("scan-view");
}

signIn(begin);
