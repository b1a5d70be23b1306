"""What is done with old and new studies that use memorability scores.

- :mod:`.diagnosis`: which variant of MemNet made an old column of scores?
- :mod:`.variants`: what each variant feeds the network, and how much it matters on your pictures.
- :mod:`.migrate`: a study with old MemNet scores, redone with new ones.
- :mod:`.responses`: pictures' hit rates, d' and their reliability from a table of trials.
- :mod:`.clips`, :mod:`.windows`, :mod:`.bids_events`: the scores of video frames, by clip, as a
  time series, and as events for fMRI.
- :mod:`.cautions`: pictures and scores that a memorability model says little about.
"""
