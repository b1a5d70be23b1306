"""Metrics as pure float64 functions, and their bootstrap intervals."""
