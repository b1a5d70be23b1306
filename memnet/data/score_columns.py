"""The columns of a score table; a user's own columns stand behind them."""

SCORE_COLUMNS = {
    "image_id": "object",
    "path": "object",
    "model": "object",
    "variant": "object",
    "score": "float64",
    "raw": "float64",
    "n_crops": "Int64",
    "clamped": "boolean",
    "width": "Int64",
    "height": "Int64",
    "mode": "object",
    "warning": "object",
}
"""Column -> pandas type. Integers and booleans can be missing: a failed picture has none."""

FAILED = "failed: "
"""How the warning of a picture begins that could not be scored."""
