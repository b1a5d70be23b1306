"""The engine: which pictures, which model, one row per picture, nothing finished ever lost."""

DEFAULT_BATCH_SIZE = 8
"""As fast as any on a CPU, and little is lost when a run is killed."""
