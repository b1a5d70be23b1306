"""The engine: which pictures, which model, one row per picture, nothing finished ever lost."""
