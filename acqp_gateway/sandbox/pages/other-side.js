// The other side's page: its parts, one of which is shown at a time.

import { byId, show } from "./dom.js";
import { beginFaults } from "./faults.js";
import { beginHistory } from "./history.js";
import { beginRegistrations } from "./registrations.js";
import { signIn } from "./sign-in.js";

const PARTS = { registrations: beginRegistrations, faults: beginFaults, messages: beginHistory };

let signedIn = false;

function showPart() {
  const wanted = location.hash.slice(1);
  const chosen = wanted in PARTS ? wanted : "registrations";
  for (const part of Object.keys(PARTS)) {
    show(byId(`part-${part}`), part === chosen);
    const link = document.querySelector(`.tabs a[href="#${part}"]`);
    if (part === chosen) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  // Each time anew: the command line and the gateway change it too.
  if (signedIn) PARTS[chosen]();
}

window.addEventListener("hashchange", showPart);

signIn(async () => {
  signedIn = true;
  showPart();
});
