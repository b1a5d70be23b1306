"""Human scores: reading them, joining them with predictions, saying what did not match."""
