"""The wire: headers, keys, signatures, message schemas. Knows Alipay+, nothing of our merchants or of Flask."""
