"""The pictures and the table that the demo carries."""
