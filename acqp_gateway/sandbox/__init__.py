"""The sandbox: the other side, for trial only, in a process of its own. Nothing imports it."""
