"""Looking inside a network: its layers, what they give for pictures, and what drives them."""
