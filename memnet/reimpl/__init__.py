"""Clean networks, one file each, with their sources on top and the shapes down the side."""

TRAINABLE = ("memnet48", "memnet96", "resmem", "m3m")
"""The architectures that can be trained."""
