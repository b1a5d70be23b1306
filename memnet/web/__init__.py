"""``memnet serve``: a page and an API, for pictures that never leave the machine.

A request goes through :mod:`.guard` (who may ask), :mod:`.intake` (how much), :mod:`.uploads` (its
pictures, in memory alone) and :mod:`.service`, which decodes in processes of their own
(:mod:`.decoding`) and runs the networks on the pictures of all requests together (:mod:`.batches`).
"""
