"""The original MemNet as it was really used: every variant on the same pictures."""
