"""A study's own claims, with the old and with the new memorability score on the same items.

Both scores are judged on the same resamples of the items, so their difference has an interval and a
test of its own: that two results fall on either side of .05 does not mean that they differ (Gelman
& Stern 2006). p values are of one claim at a time; Holm's, over all claims, stand beside them.

**Intervals** are percentiles of resamples of the items, widened as small samples need (Hesterberg
2015), but for omega squared (noncentral F). Groups are resampled each within itself, and clusters
whole. **p of a claim** is the classical test's: t for correlations, Welch's t and F for groups, t
with HC3 errors for coefficients; with clusters, t with CR2 errors. **p of the difference** is the
bootstrap's, for all claims alike. How often intervals hold and tests err is measured by simulation
(docs/migrate.md).

:mod:`.request` says which claims are redone and on which pictures, :mod:`.compute` computes them,
:mod:`.claim` is what one is, :mod:`.statistics` has the statistics and tests, on the correlations
of all resamples. :mod:`.conclusions` says in a sentence what changed, and :mod:`.attenuation` what
part of a change better measurement alone explains.

References
----------
Bell, R. M., & McCaffrey, D. F. (2002). Survey Methodology, 28, 169-181.
Gelman, A., & Stern, H. (2006). The American Statistician, 60, 328-331.
Hedges, L. V. (1981). Journal of Educational Statistics, 6, 107-128.
Hesterberg, T. C. (2015). The American Statistician, 69, 371-386.
Kirk, R. E. (1996). Educational and Psychological Measurement, 56, 746-759.
Long, J. S., & Ervin, L. H. (2000). The American Statistician, 54, 217-224.
MacKinnon, J. G., & White, H. (1985). Journal of Econometrics, 29, 305-325.
Pustejovsky, J. E., & Tipton, E. (2018). Journal of Business & Economic Statistics, 36, 672-683.
Steiger, J. H. (2004). Psychological Methods, 9, 164-182.
Welch, B. L. (1951). Biometrika, 38, 330-336.
"""
