// Amounts of the wire, {"currency", "value" in minor units}, as a person reads them; and what they cost in another
// currency, in whole numbers alone.

// ISO 4217 where it is not two decimals. A browser's own table differs: for it IDR has none.
export const DECIMALS = {
  ...each("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF", 0),
  ...each("BHD IQD JOD KWD LYD OMR TND", 3),
  ...each("CLF UYW", 4),
};
// Alipay+ counts rupiah in hundredths that nobody can pay with: values end in 00.
const SMALLEST_STEP = { IDR: 100n };

/** How many decimals a currency has: 0, 2, 3 or 4. */
export function decimals(currency) {
  return Object.hasOwn(DECIMALS, currency) ? DECIMALS[currency] : 2;
}

function each(currencies, count) {
  return Object.fromEntries(currencies.split(" ").map((currency) => [currency, count]));
}

/** An amount as text, such as ¥1,500 or KWD 1.250; as it came where it is none. */
export function spoken(amount) {
  if (!amount) return "";
  const { currency, value } = amount;
  if (!/^[A-Z]{3}$/.test(currency ?? "") || !/^-?\d{1,30}$/.test(value ?? "")) return `${value} ${currency}`;
  const digits = decimals(currency);
  const format = new Intl.NumberFormat("en", {
    style: "currency",
    currency,
    // ¥ rather than CN¥: where it matters the code stands beside it.
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  // A text, not a number: no digit of a large amount is lost.
  return format.format(inMajorUnits(value, digits)).replace(/\u00a0/g, " ");
}

/** The amount with its currency's code, where the text itself does not have it. */
export function spokenWithCode(amount) {
  return `${spoken(amount)} ${codeBeside(amount)}`.trim();
}

function inMajorUnits(value, digits) {
  if (digits === 0) return value;
  const sign = value.startsWith("-") ? "-" : "";
  const padded = value.replace("-", "").padStart(digits + 1, "0");
  return `${sign}${padded.slice(0, -digits)}.${padded.slice(-digits)}`;
}

/** The code that the amount's text does not have already, or "". */
export function codeBeside(amount) {
  return !amount || spoken(amount).includes(amount.currency) ? "" : amount.currency;
}

/** What an amount is in another currency at `price` (of one whole unit), rounded half to even; null for no price. */
export function converted(amount, currency, price) {
  const match = /^(\d{1,20})(?:\.(\d{1,20}))?$/.exec(price ?? "");
  if (!match || !/^\d{1,30}$/.test(amount.value)) return null;
  const fraction = match[2] ?? "";
  const numerator = BigInt(amount.value) * BigInt(match[1] + fraction) * 10n ** BigInt(decimals(currency));
  const step = SMALLEST_STEP[currency] ?? 1n;
  const denominator = 10n ** BigInt(fraction.length + decimals(amount.currency)) * step;
  return { currency, value: String(halfToEven(numerator, denominator) * step) };
}

function halfToEven(numerator, denominator) {
  const whole = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  if (twice > denominator || (twice === denominator && whole % 2n === 1n)) return whole + 1n;
  return whole;
}
