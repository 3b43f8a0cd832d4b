"""The wallet (MPP) that the sandbox plays: its users, their payments, and the three APIs that Alipay+ asks it by."""
