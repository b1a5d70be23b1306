"""One row a trial becomes one row a picture: ``memnet responses``, :func:`memnet.responses`.

:mod:`memnet.data.trials` reads the table, :mod:`memnet.stats.recognition` counts and correlates,
and :mod:`.responses` leaves participants out by stated rules and writes the results.
"""
