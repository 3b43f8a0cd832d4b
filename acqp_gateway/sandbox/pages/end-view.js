// From Pay on, and every other end that a scan can come to.

import { byId, fill, fillAmount, make, show } from "./dom.js";
import { shopName } from "./order-view.js";
import { refusalOf } from "./words.js";

const STEPS = ["Your wallet pays", "The shop is told", "Paid"];

// state -> tone of the mark, the mark, how many steps are done (null: no steps are shown)
const LOOKS = {
  PAYING: ["busy", "", 0],
  PUSHING: ["busy", "", 1],
  IN_PROCESS: ["busy", "", 1],
  PAID: ["good", "✓", 3],
  PAYMENT_FAILED: ["bad", "✕", null],
  REFUNDED: ["warn", "↩", null],
  UNSETTLED: ["warn", "?", 1],
  REFUSED: ["bad", "✕", null],
  NO_ANSWER: ["warn", "!", null],
  LEFT: ["calm", "–", null],
  LAPSED: ["calm", "–", null],
};

// Nobody has paid, and the code may still be good.
const MAY_BE_TRIED_AGAIN = new Set(["PAYMENT_FAILED", "NO_ANSWER", "LEFT"]);

/** Show how a scan goes on, or how it ended. */
export function showEnd(scan) {
  const [tone, mark, done] = LOOKS[scan.state] ?? ["busy", "", 0];
  const { headline, advice, result } = told(scan);
  const element = byId("end-mark");
  element.className = `mark mark-${tone}`;
  fill(element, mark);
  // Only what changed is spoken by a screen reader.
  setText(byId("end-headline"), headline);
  setText(byId("end-advice"), advice);
  fillAmount(byId("end-amount"), scan.paymentAmount);
  show(byId("end-amount"), Boolean(scan.paymentAmount) && done !== null);
  fill(byId("end-steps"), ...(done === null ? [] : steps(done, scan.finished)));
  show(byId("end-steps"), done !== null);
  setText(byId("end-code"), result ? `${result.resultStatus} ${result.resultCode}` : "");
  show(byId("end-code"), Boolean(result));
  setText(byId("end-state"), scan.state === "PAID" ? "" : (scan.stateText ?? ""));
  show(byId("end-state"), scan.state !== "PAID");
  fill(byId("end-facts"), ...facts(scan));
  show(byId("retry-button"), scan.finished && MAY_BE_TRIED_AGAIN.has(scan.state));
  show(byId("again-button"), scan.finished || !(scan.state in LOOKS));
}

function told(scan) {
  const shop = shopName(scan.order);
  switch (scan.state) {
    case "PAYING":
      return { headline: "Paying…", advice: "Your wallet is working on it." };
    case "PUSHING":
    case "IN_PROCESS":
      return { headline: "Almost done…", advice: `Your wallet has paid; ${shop} is being told.` };
    case "PAID":
      return { headline: "Paid", advice: `${shop} knows that you have paid. Thank you!` };
    case "PAYMENT_FAILED":
      return { ...refusalOf(scan.paymentResult), result: scan.paymentResult };
    case "REFUNDED":
      return {
        headline: "Your money is back",
        advice: `${shop} could not take the payment, so your wallet has given it back. ${refusalOf(scan.pushResult).headline}.`,
        result: scan.pushResult,
      };
    case "UNSETTLED":
      return {
        headline: "Nobody knows yet",
        advice: "Your wallet has paid, and the shop's side gave no final word. A person has to look into it.",
        result: scan.pushResult,
      };
    case "REFUSED":
      return { ...refusalOf(scan.result), result: scan.result };
    case "NO_ANSWER":
      return withoutAnswer(scan);
    case "LEFT":
      return { headline: "You have left", advice: "Nothing was paid." };
    case "LAPSED":
      return { headline: "The time to pay is over", advice: "Nothing was paid. Ask the shop for a new code." };
    default:
      return { headline: scan.state, advice: "" };
  }
}

function withoutAnswer({ result, failure }) {
  if (result && result.resultStatus !== "S") return { ...refusalOf(result), result };
  if (result) return { headline: "The answer cannot be used", advice: failure ?? "", result };
  const why = failure ?? "No answer came that can be believed.";
  return {
    headline: "The gateway does not answer",
    advice: `${why.replace(/[^.!?]$/, "$&.")} If it does not run, start it with: acqp-gateway serve`,
  };
}

function steps(done, finished) {
  return STEPS.map((text, index) => {
    const stage = index < done ? "done" : index === done && !finished ? "now" : "later";
    const attributes = { class: `step step-${stage}`, "aria-current": stage === "now" ? "step" : null };
    return make("li", attributes, text, stage === "done" ? make("span", { class: "unseen" }, " (done)") : "");
  });
}

function facts(scan) {
  const rows = [
    ["Payment", scan.paymentId],
    ["Request", scan.paymentRequestId],
    ["Wallet's result", spokenResult(scan.paymentResult)],
    ["Gateway's result", spokenResult(scan.pushResult)],
  ];
  return rows.filter(([, text]) => text).flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]);
}

function spokenResult(result) {
  return result ? `${result.resultStatus} ${result.resultCode}` : null;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
