"""Training the paper's models: settings, data, the loop, run folders, the search for settings."""
