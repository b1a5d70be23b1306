"""Scores frozen in a file, and the check that a model still gives them."""
