"""Predictions against what people remembered: the comparison, its record, its report."""
