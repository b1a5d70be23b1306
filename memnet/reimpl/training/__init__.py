"""Training the paper's models: settings, data, the loop, run folders and the search for settings."""
