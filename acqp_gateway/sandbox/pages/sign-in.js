// The token's form, the same on every page.

import { byId, say, show, whileBusy } from "./dom.js";
import { forgetToken, get, hasToken, keepToken, onSignedOut } from "./control.js";

/** Ask for the token where there is none, and call `begin` each time that one was found right. */
export function signIn(begin) {
  const notice = byId("sign-in-notice");

  const showForm = (text) => {
    show(byId("content"), false);
    show(byId("sign-out"), false);
    show(byId("sign-in"), true);
    say(notice, text);
    byId("token").focus();
  };

  const enter = async () => {
    // The cheapest question that only the holder of the token may ask.
    await get("history", { limit: 1 });
    show(byId("sign-in"), false);
    show(byId("content"), true);
    show(byId("sign-out"), true);
    await begin();
  };

  onSignedOut(() => showForm("That is not the sandbox's control token. It changes when the sandbox's folder is made anew."));
  byId("sign-out").addEventListener("click", () => {
    forgetToken();
    // What is on the page is somebody's who may no longer see it.
    location.reload();
  });
  byId("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const field = byId("token");
    whileBusy(byId("sign-in-button"), notice, async () => {
      // A header can carry no other characters.
      if (!/^[\x21-\x7e]{1,200}$/.test(field.value.trim())) {
        throw new Error("A token is one line of letters, digits, dashes and underscores.");
      }
      keepToken(field.value.trim());
      field.value = "";
      await enterOrSay();
    });
  });

  const enterOrSay = async () => {
    try {
      await enter();
    } catch (error) {
      if (error.status !== 401) showForm(error.message);
    }
  };

  if (hasToken()) enterOrSay();
  else showForm(null);
}
