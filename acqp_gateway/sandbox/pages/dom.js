// Making and filling elements. Text goes in as text: nothing that came in a message is ever read as HTML.

import { codeBeside, spoken } from "./money.js";

/** An element with attributes (a function is a listener, false and null leave the attribute out) and children. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** The one element of this page that has this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Replace what an element holds; what is null or "" is left out. */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null && child !== undefined && child !== ""));
}

/** Show an amount: large, with its currency's code small beside it. */
export function fillAmount(element, amount) {
  const code = codeBeside(amount);
  if (element.textContent === `${spoken(amount)} ${code}`.trim()) return;
  fill(element, spoken(amount), code ? " " : "", code ? make("small", {}, code) : "");
}

/** Show or hide an element. */
export function show(element, shown) {
  element.hidden = !shown;
}

/** Fill a select with [value, label] pairs, keeping the choice where it is still there. */
export function fillSelect(select, pairs, chosen = select.value) {
  select.replaceChildren(...pairs.map(([value, label]) => make("option", { value }, label)));
  if (pairs.some(([value]) => value === chosen)) select.value = chosen;
}

/** A line that says what went wrong and what to do, or nothing for null. */
export function say(element, text, kind = "error") {
  element.textContent = text ?? "";
  element.className = `notice notice-${kind}`;
  element.hidden = !text;
}

/** Run what a button starts: it cannot be started twice, and what it throws is said in `notice`. */
export async function whileBusy(button, notice, work) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  button.disabled = true;
  try {
    say(notice, null);
    await work();
  } catch (error) {
    say(notice, error.message);
  } finally {
    button.removeAttribute("aria-busy");
    button.disabled = false;
  }
}

/** A button that asks once more before it does what cannot be undone. */
export function confirmingButton(label, sure, attributes, work) {
  const button = make("button", { type: "button", class: "button button-quiet", ...attributes }, label);
  const calm = () => {
    button.classList.remove("button-danger");
    button.textContent = label;
  };
  button.addEventListener("blur", calm);
  button.addEventListener("click", () => {
    if (button.classList.contains("button-danger")) {
      calm();
      work(button);
    } else {
      button.classList.add("button-danger");
      button.textContent = sure;
    }
  });
  return button;
}
