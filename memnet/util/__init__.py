"""Small tools that know nothing of memorability: whole files, packaged tables, versions."""
