"""Many predictors on many data sets: one record, one page, and a summary over clean tests only."""
