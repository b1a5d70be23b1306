"""Data that the package carries; see NOTICE for where each file comes from."""
