// The dialogue in which a registration is made or changed.

import { byId, fill, make, say, whileBusy } from "./dom.js";
import { get, post } from "./control.js";

const STATUSES = ["APPROVED", "PENDING", "REJECTED", "CANCELLED"];
const PRODUCTS = ["IN_STORE_PAYMENT", "CASHIER_PAYMENT", "AGREEMENT_PAYMENT"];

let edited = null;
let whenSaved = () => {};

/** Wire the dialogue up; `saved` gets the control API's answer and a line for the person. */
export function beginDialog(saved) {
  whenSaved = saved;
  byId("cancel-registration").addEventListener("click", () => byId("registration-dialog").close());
  byId("add-psp").addEventListener("click", () => {
    const added = pspRow({ pspName: "", productCodes: [PRODUCTS[0]], status: STATUSES[0] });
    byId("psp-rows").append(added);
    added.querySelector("input").focus();
  });
  byId("registration-form").addEventListener("submit", (event) => {
    event.preventDefault();
    save(byId("save-registration"), false);
  });
  byId("save-and-tell").addEventListener("click", () => {
    if (byId("registration-form").reportValidity()) save(byId("save-and-tell"), true);
  });
}

/** Open the dialogue on a registration as the control API writes it, or on a new one for null. */
export function openDialog(registration) {
  edited = registration;
  fill(byId("dialog-title"), registration ? "Edit the registration" : "New registration");
  byId("merchant-id").value = registration?.referenceMerchantId ?? "";
  byId("store-id").value = registration?.referenceStoreId ?? "";
  byId("request-id").value = registration?.registrationRequestId ?? "";
  // Whom a known request is about does not change.
  for (const id of ["merchant-id", "store-id", "request-id"]) byId(id).readOnly = registration !== null;
  byId("collective").value = "";
  const given = registration ? registration.pspRegistrationResultList : [{ pspName: "ALIPAY_CN", productCodes: [PRODUCTS[0]], status: "APPROVED" }];
  fill(byId("psp-rows"), ...(given ?? []).map(pspRow));
  say(byId("registration-notice"), null);
  byId("registration-dialog").showModal();
  byId(registration ? "collective" : "merchant-id").focus();
  nameWallets();
}

async function nameWallets() {
  try {
    const { psps } = await get("wallet/psps", { all: "true" });
    fill(byId("psp-names"), ...psps.map(({ pspName }) => make("option", { value: pspName })));
  } catch {
    // Names are a help alone: any can be written.
  }
}

function save(button, notify) {
  whileBusy(button, byId("registration-notice"), async () => {
    const answer = await post("registrations", { ...members(), ...(notify ? { notify: true } : {}) });
    byId("registration-dialog").close();
    await whenSaved(answer, `${answer.registrations[0].registrationRequestId} is on record.`);
  });
}

function members() {
  const list = [...byId("psp-rows").children].map(pspOf);
  const found = {
    referenceMerchantId: byId("merchant-id").value.trim(),
    referenceStoreId: byId("store-id").value.trim() || null,
    registrationRequestId: byId("request-id").value.trim() || null,
    registrationStatus: byId("collective").value || null,
  };
  // A list that was null, or left out, stays so until a wallet is added.
  const before = edited?.pspRegistrationResultList;
  if (list.length || !edited || before) found.pspRegistrationResultList = list;
  else if (before === null) found.pspRegistrationResultList = null;
  return found;
}

function pspOf(row) {
  const status = row.querySelector(".psp-status").value;
  const reason = row.querySelector(".psp-reason").value;
  return {
    pspName: row.querySelector(".psp-name-input").value.trim(),
    productCodes: [...row.querySelectorAll("input[type=checkbox]:checked")].map((box) => box.value),
    status,
    ...(reason ? { rejectionReason: reason } : {}),
  };
}

function pspRow(psp) {
  const statuses = STATUSES.includes(psp.status) ? STATUSES : [...STATUSES, psp.status];
  const status = make("select", { class: "psp-status" }, ...statuses.map((value) => make("option", { value }, value)));
  status.value = psp.status;
  const reason = make("textarea", { class: "psp-reason", rows: 1, placeholder: "why it was rejected" });
  reason.value = psp.rejectionReason ?? "";
  const name = make("input", { class: "psp-name-input", list: "psp-names", required: true, maxlength: 256, autocomplete: "off", spellcheck: "false" });
  name.value = psp.pspName;
  const products = [...PRODUCTS, ...psp.productCodes.filter((code) => !PRODUCTS.includes(code))];
  const row = make(
    "div",
    { class: "psp-row", role: "group", "aria-label": psp.pspName || "a wallet" },
    make("div", { class: "pair" }, field("Wallet", name), field("Status", status)),
    field("Reason", reason),
    make("div", { class: "checks" }, ...products.map((code) => product(code, psp.productCodes.includes(code)))),
  );
  const away = make("button", { type: "button", class: "button button-quiet" }, "Remove this wallet");
  away.addEventListener("click", () => {
    row.remove();
    byId("add-psp").focus();
  });
  row.append(away);
  return row;
}

function field(label, input) {
  return make("label", { class: "field" }, label, input);
}

function product(code, checked) {
  const box = make("input", { type: "checkbox", value: code });
  box.checked = checked;
  return make("label", { class: "check" }, box, code);
}
