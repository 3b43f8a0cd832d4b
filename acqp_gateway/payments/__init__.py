"""What comes after a decode: pushPayment, inquiryPushPayment, notifyPushPayment, and notifyPayment."""
