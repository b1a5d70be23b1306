"""Where numbers come from: the catalogue of known weight files and the store that keeps them."""
