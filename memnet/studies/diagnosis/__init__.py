"""Which variant of MemNet made an old column of scores: ``memnet diagnose``.

:mod:`.diagnose` is the entry, :func:`memnet.diagnose`: it reads the column (:mod:`.column`), has
every variant run on the pictures (:mod:`memnet.studies.variants.scores`) and asks
:mod:`.decision` for the verdict. That compares how well each variant explains the column
(:mod:`.candidate_fits`), in each form in which scores are written down and by a likelihood that
allows for noise and outliers (:mod:`.likelihood`), and judges the fits by :mod:`.match_criteria`.
The result and its sentences are in :mod:`.result`. Without pictures there is only what the numbers
look like (:mod:`.fingerprint`).
"""
