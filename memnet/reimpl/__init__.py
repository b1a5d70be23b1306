"""Clean networks, one file each, with their sources on top and the shapes down the side."""
