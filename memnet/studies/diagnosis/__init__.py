"""Which variant of MemNet made an old column of scores: ``memnet diagnose``."""
