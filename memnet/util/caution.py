"""Sentences that warn a reader, and know of what."""

from __future__ import annotations


class Caution(str):
    """A sentence, and what kind of warning it is.

    A record keeps the kind beside the sentence, so that a report can order its warnings however
    they are worded.

    Attributes
    ----------
    kind : a short name that does not change, ``"scale"``; those of a comparison are in
        :data:`memnet.compare.report.threats.THREATS`.

    Examples
    --------
    >>> caution = Caution("mine has scores outside [0, 1].", "scale")
    >>> caution, caution.kind
    ('mine has scores outside [0, 1].', 'scale')
    """

    __slots__ = ("kind",)
    kind: str

    def __new__(cls, text: str, kind: str = "") -> Caution:
        """Give a sentence its kind."""
        caution = super().__new__(cls, text)
        caution.kind = kind
        return caution


def kind_of(sentence: str) -> str:
    """Return the kind of a sentence; "" for one that has none.

    >>> kind_of("a plain sentence")
    ''
    """
    return sentence.kind if isinstance(sentence, Caution) else ""
