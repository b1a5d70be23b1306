"""An old MemNet study redone with new scores: ``memnet migrate``, :func:`memnet.migrate`.

:mod:`.migrate` reads the study (:mod:`.study`) and the new scores, or has the pictures
scored (:mod:`.new_scores`), and writes the results. :mod:`.migration` puts them together: the
agreement of old and new scores (:mod:`.agreement`), the map between the two scales
(:mod:`.crosswalk`, fitted by :mod:`.crosswalk_fit`), the study's own claims with both scores
(:mod:`.claims`), the table with its new columns (:mod:`.migrated_table`) and the paragraph for a
methods section (:mod:`.methods`). All of it goes into the record (:mod:`.record`), of which the
report (:mod:`.page`, :mod:`.figures`) is a pure function.
"""
