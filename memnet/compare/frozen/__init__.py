"""Scores held frozen in a file, and the check that they still hold."""
