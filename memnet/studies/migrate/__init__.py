"""Taking a study from the old MemNet scores to new ones: the two scales, and the claims."""
