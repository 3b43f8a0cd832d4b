"""The other side, for trial only: a stand-in for Alipay+ in a process of its own. Nothing imports it."""
