"""Figures and reports: pure functions of a RunRecord, so a saved record renders again the same."""
