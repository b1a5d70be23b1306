"""The paper again: training, search for settings, Table 1, the original's 0.565."""
