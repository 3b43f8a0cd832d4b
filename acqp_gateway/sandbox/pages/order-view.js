// The order as a wallet shows it before it is paid.

import { byId, fill, fillAmount, make, say, show } from "./dom.js";
import { countdown, secondsUntil } from "./clock.js";
import { converted, spoken, spokenWithCode } from "./money.js";

const LAST_SECONDS = 30;

/** Show what a scan found; `user` pays, and `quotes` say what that costs in the user's currency. */
export function showOrder(scan, user, quotes) {
  const order = scan.order ?? {};
  const amount = scan.paymentAmount ?? order.orderAmount;
  const name = shopName(order);
  fill(byId("shop-letter"), [...name][0].toUpperCase());
  fill(byId("shop-name"), name);
  const store = order.merchant?.store;
  fill(byId("shop-store"), store?.storeDisplayName ?? store?.storeName ?? "");
  fillAmount(byId("order-amount"), amount);
  showCost(amount, user, quotes);
  fill(byId("order-facts"), ...facts(order));
  fill(byId("order-goods"), goods(order));
  show(byId("pin-field"), Boolean(user?.pin));
  fill(byId("pin-hint"), user?.pin ? `For testers: it is ${user.pin}.` : "");
  byId("pin").value = "";
  fill(byId("pay-button"), amount ? `Pay ${spoken(amount)}` : "Pay");
  say(byId("pay-notice"), null);
  showTime(scan);
}

/** The shop as the customer knows it. */
export function shopName(order) {
  const merchant = order?.merchant;
  return merchant?.merchantDisplayName || merchant?.merchantName || "The shop";
}

/** The countdown; called each second. */
export function showTime(scan) {
  const line = byId("order-time");
  show(line, scan.payableUntil !== null);
  if (scan.payableUntil === null) return;
  const left = secondsUntil(scan.payableUntil);
  line.textContent = left > 0 ? `Pay within ${countdown(left)}` : "The time to pay is over";
  line.classList.toggle("is-late", left <= LAST_SECONDS);
}

function showCost(amount, user, quotes) {
  const line = byId("order-cost");
  show(line, false);
  if (!amount || !user || amount.currency === user.currency) return;
  const quote = quotes.find((each) => each.fromCurrency === amount.currency && each.toCurrency === user.currency);
  const cost = quote ? converted(amount, user.currency, quote.quotePrice) : null;
  line.textContent = cost
    ? `costs you ${spokenWithCode(cost)} (1 ${amount.currency} = ${quote.quotePrice} ${user.currency})`
    : `paid in ${amount.currency}; what it costs in ${user.currency} is not known yet`;
  show(line, true);
}

function facts(order) {
  const rows = [
    ["For", order.orderDescription],
    ["Order", order.referenceOrderId],
  ];
  return rows.filter(([, text]) => text).flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]);
}

function goods(order) {
  const lines = Array.isArray(order.goods) ? order.goods : [];
  if (!lines.length) return null;
  return make(
    "ul",
    { class: "goods", "aria-label": "Goods" },
    ...lines.map((line) =>
      make(
        "li",
        {},
        make("span", {}, line.goodsQuantity ? `${line.goodsQuantity} × ` : "", line.goodsName ?? line.referenceGoodsId ?? ""),
        make("span", { class: "goods-price" }, priceOf(line)),
      ),
    ),
  );
}

function priceOf({ goodsUnitAmount: price, goodsQuantity: quantity }) {
  if (!price) return "";
  return quantity && quantity !== "1" ? `${spoken(price)} each` : spoken(price);
}
