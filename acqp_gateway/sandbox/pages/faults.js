// The faults: what there are, which are in force, and how long every answer is kept waiting.

import { byId, confirmingButton, fill, fillSelect, make, say, show, whileBusy } from "./dom.js";
import { get, post, put, remove } from "./control.js";

const SIDES = { answers: "What the sandbox answers", calls: "What the sandbox sends" };

let apis = {};

/** Show the faults as they are now. */
export async function beginFaults() {
  await get("faults").then(showFaults, (error) => say(byId("force-notice"), error.message));
}

function showFaults(found) {
  say(byId("force-notice"), null);
  apis = found.apis ?? {};
  showApis();
  showNames();
  byId("latency").value = found.latencyMs;
  fill(byId("faults"), ...found.faults.map(inForce));
  show(byId("faults-empty"), !found.faults.length);
  show(byId("clear-faults"), found.faults.length > 1);
}

function showApis() {
  const chosen = byId("fault-api").value;
  const sides = Map.groupBy(Object.keys(apis), (api) => apis[api].side);
  const groups = [...sides].map(([side, names]) =>
    make("optgroup", { label: SIDES[side] ?? side }, ...names.map((api) => make("option", { value: api }, api))),
  );
  fill(byId("fault-api"), ...groups);
  if (chosen in apis) byId("fault-api").value = chosen;
}

function showNames() {
  const known = apis[byId("fault-api").value]?.known ?? {};
  fillSelect(byId("fault-name"), Object.keys(known).map((name) => [name, name]));
  fill(byId("fault-description"), known[byId("fault-name").value] ?? "");
}

function inForce(setting) {
  const facts = [
    setting.times === null ? "until cleared" : `${setting.times} more ${setting.times === 1 ? "time" : "times"}`,
    setting.ms === null ? null : `${setting.ms} ms`,
    setting.merchant === null ? null : `only for ${setting.merchant}`,
  ];
  const clear = make("button", { type: "button", class: "button", "aria-label": `Clear ${setting.fault}` }, "Clear");
  clear.addEventListener("click", () =>
    whileBusy(clear, byId("force-notice"), async () => {
      const { fault, api, merchant } = setting;
      showFaults(await remove("faults", { fault, api, merchant }));
    }),
  );
  return make(
    "li",
    {},
    make(
      "div",
      {},
      make("strong", {}, setting.fault),
      make("span", { class: "hint" }, setting.api),
      make("span", { class: "hint" }, facts.filter(Boolean).join(" · ")),
    ),
    clear,
  );
}

function numberOf(id) {
  return byId(id).value === "" ? null : Number(byId(id).value);
}

byId("fault-api").addEventListener("change", showNames);
byId("fault-name").addEventListener("change", showNames);
byId("fault-form").addEventListener("submit", (event) => {
  event.preventDefault();
  whileBusy(byId("fault-button"), byId("fault-notice"), async () => {
    const wanted = {
      api: byId("fault-api").value,
      fault: byId("fault-name").value,
      times: numberOf("fault-times"),
      ms: numberOf("fault-ms"),
      merchant: byId("fault-merchant").value.trim() || null,
    };
    showFaults(await post("faults", wanted));
  });
});
byId("latency-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const notice = byId("latency-notice");
  whileBusy(byId("latency-button"), notice, async () => {
    showFaults(await put("latency", { ms: numberOf("latency") ?? 0 }));
    say(notice, "It is set.", "good");
  });
});
byId("clear-faults").replaceWith(
  confirmingButton("Clear all", "Really clear all?", { id: "clear-faults", hidden: true }, (button) =>
    whileBusy(button, byId("force-notice"), async () => showFaults(await remove("faults"))),
  ),
);
