// What a wallet's user is told, instead of a result code.

const REFUSALS = {
  ACCESS_DENIED: ["The shop's side refused us", "The request was not accepted. Nothing was paid."],
  BUSINESS_NOT_SUPPORT: ["Not payable with this wallet", "This shop does not take this kind of payment yet."],
  CURRENCY_NOT_SUPPORT: ["Currency not supported", "The shop's currency cannot be paid with this wallet."],
  EXPIRED_CODE: ["This code is too old", "Ask the shop to show a new one."],
  INVALID_CLIENT: ["The shop's side does not know us", "Nothing was paid. Try again later."],
  INVALID_CODE: ["This code cannot be paid", "It is none that this shop made. Check that you scanned the right one."],
  INVALID_CONTRACT: ["The shop cannot take payments now", "It has no contract for this. Pay in another way."],
  INVALID_MERCHANT_STATUS: ["The shop cannot take payments now", "Please pay in another way."],
  INVALID_SIGNATURE: ["The connection is not trusted", "A signature did not fit. Nothing was paid."],
  INVALID_TOKEN: ["Please link your wallet again", "Your permission is no longer valid."],
  KEY_NOT_FOUND: ["The connection is not trusted", "A key was not found. Nothing was paid."],
  MERCHANT_KYB_NOT_QUALIFIED: ["The shop cannot take payments now", "Please pay in another way."],
  MERCHANT_NOT_REGISTERED: ["Not payable with this wallet yet", "This shop is not registered with your wallet."],
  ORDER_IS_CLOSED: ["This order is closed", "It was paid or cancelled already. Nothing more is taken from you."],
  ORDER_NOT_EXIST: ["There is no such order", "Ask the shop to show the code again."],
  PARAM_ILLEGAL: ["This code cannot be read", "Check that it is complete, and try again."],
  PAYMENT_AMOUNT_EXCEED_LIMIT: ["The amount is too high", "It is above what can be paid in one go."],
  PAYMENT_AMOUNT_INVALID: ["The amount is not right", "Ask the shop to make the order again."],
  PAYMENT_COUNT_EXCEED_LIMIT: ["Too many payments", "You have reached the number of payments allowed for now."],
  PAYMENT_IN_PROCESS: ["Still being worked on", "Wait a moment before you try again."],
  PROCESS_FAIL: ["That did not work", "Nothing was paid. Do not try this code again; ask the shop."],
  REGULATION_RESTRICTION: ["Not allowed here", "A regulation does not permit this payment."],
  REQUEST_TRAFFIC_EXCEED_LIMIT: ["Very busy just now", "Wait a moment and try again."],
  RISK_REJECT: ["Refused for your safety", "This payment looked unusual. Contact your wallet."],
  UNAVAILABLE_PAYMENT_METHOD: ["No means of payment", "Choose another card or account in your wallet."],
  UNKNOWN_EXCEPTION: ["Something went wrong", "It is not known why. Wait a moment and try again."],
  USER_AMOUNT_EXCEED_LIMIT: ["Above your limit", "The amount is more than you allow your wallet to pay."],
  USER_BALANCE_NOT_ENOUGH: ["Not enough money", "Top up your wallet and try again."],
  USER_KYC_NOT_QUALIFIED: ["Please verify who you are", "Your wallet needs your identity before it can pay this."],
  USER_NOT_EXIST: ["No such account", "This wallet does not know you."],
  USER_PAYMENT_VERIFICATION_FAILED: ["Wrong PIN", "The payment was not confirmed. Nothing was paid."],
  USER_STATUS_ABNORMAL: ["Your account is blocked", "Contact your wallet."],
};

/** A headline and a sentence for a Result; its own message for a code that nobody knows. */
export function refusalOf(result) {
  const [headline, advice] = REFUSALS[result?.resultCode] ?? ["That did not work", result?.resultMessage ?? ""];
  return { headline, advice };
}
