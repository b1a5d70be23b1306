"""Human scores and pictures as people bring them: tables, ids, data sets, contamination."""
