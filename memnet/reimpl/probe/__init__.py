"""A probe: one linear layer on the features of a frozen backbone."""
