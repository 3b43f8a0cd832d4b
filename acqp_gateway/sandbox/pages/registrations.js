// How merchants stand with each wallet: the list, and the dialogue that changes one.

import { byId, confirmingButton, fill, make, say, show, whileBusy } from "./dom.js";
import { get, post, remove } from "./control.js";
import { beginDialog, openDialog } from "./registration-dialog.js";

const MOST_SHOWN = 500;
const TONES = { APPROVED: "good", COMPLETED: "good", PENDING: "warn", REJECTED: "bad" };

/** Show the registrations as they are now. */
export async function beginRegistrations() {
  const notice = byId("registrations-notice");
  try {
    const { registrations } = await get("registrations", { limit: MOST_SHOWN });
    if (notice.classList.contains("notice-error")) say(notice, null);
    fill(byId("registrations"), ...registrations.map(row));
    show(byId("registrations-empty"), !registrations.length);
  } catch (error) {
    say(notice, error.message);
  }
}

function row(registration) {
  const { referenceMerchantId: merchant, referenceStoreId: store, registrationRequestId: request } = registration;
  const notice = byId("registrations-notice");
  const edit = make("button", { type: "button", class: "button" }, "Edit");
  edit.addEventListener("click", () => openDialog(registration));
  const tell = make("button", { type: "button", class: "button" }, "Tell the gateway");
  tell.addEventListener("click", () =>
    whileBusy(tell, notice, async () => {
      const { notifications } = await post("registrations/notify", { registrationRequestId: request });
      sayNotified(notifications);
    }),
  );
  const forget = confirmingButton("Delete", "Really delete?", {}, (button) =>
    whileBusy(button, notice, async () => {
      await remove("registrations", { registrationRequestId: request });
      await beginRegistrations();
      say(notice, `${request} is forgotten.`, "good");
    }),
  );
  return make(
    "article",
    { class: "panel registration", "aria-label": `${merchant} ${store ?? ""} ${request}` },
    make(
      "div",
      { class: "registration-head" },
      make("div", {}, make("h2", {}, merchant, store ? ` / ${store}` : ""), make("p", { class: "hint" }, request)),
      badge(registration.registrationStatus),
    ),
    psps(registration.pspRegistrationResultList),
    make("div", { class: "actions" }, edit, tell, forget),
  );
}

function badge(status) {
  return make("span", { class: `badge badge-${TONES[status] ?? "none"}` }, status);
}

function psps(list) {
  if (!list?.length) {
    const how = list === null ? "null" : list === undefined ? "left out" : "empty";
    return make("p", { class: "hint" }, `The list of wallets is ${how}.`);
  }
  return make(
    "ul",
    { class: "psps" },
    ...list.map((psp) =>
      make(
        "li",
        {},
        make("span", { class: "psp-name" }, psp.pspName),
        badge(psp.status),
        make("span", { class: "hint products" }, psp.productCodes.join(", ")),
        psp.rejectionReason ? make("span", { class: "reason" }, psp.rejectionReason) : "",
      ),
    ),
  );
}

/** Say what came of telling the gateway. */
export function sayNotified(notifications) {
  const notice = byId("registrations-notice");
  const [told] = notifications ?? [];
  if (!told) return;
  if (!told.answered) {
    say(notice, `The gateway was not told (${told.text ?? told.failure}). If it does not run, start it with: acqp-gateway serve`);
    return;
  }
  const accepted = told.result.resultCode === "SUCCESS";
  const signed = told.signatureVerified ? "signature verified" : "not signed";
  say(notice, `The gateway answered ${told.result.resultStatus} ${told.result.resultCode}, ${signed}.`, accepted ? "good" : "error");
}

beginDialog(async (answer, words) => {
  await beginRegistrations();
  say(byId("registrations-notice"), words, "good");
  sayNotified(answer.notifications);
});
byId("new-registration").addEventListener("click", () => openDialog(null));
