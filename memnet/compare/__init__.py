"""Scoring pictures and comparing the scores with what people remembered."""
