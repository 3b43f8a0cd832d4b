"""acqp-gateway: the acquirer's (ACQP's) side of Alipay+, from the signed request to the signed answer."""
