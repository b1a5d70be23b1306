"""The ways in which MemNet was used: what each feeds the network, and how much it matters.

The variants themselves are data, ``memnet/legacy/variants.toml``. :mod:`.sheet` describes them and
makes the inputs of a contact sheet (``memnet variants``); :mod:`.scores` runs all of them on the
same pictures; :mod:`.sensitivity` compares their outputs (``memnet sensitivity``), for which
:mod:`.page` and :mod:`.figures` make the report; :mod:`.run` does one after the other.
"""
