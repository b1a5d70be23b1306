"""Small pieces of the sentences that memnet writes."""

from __future__ import annotations

from collections.abc import Iterable


def shorten_list(values: Iterable[object], most: int = 5) -> str:
    """List the first few values for a message.

    Parameters
    ----------
    values : what to list; each is written as ``str`` does.
    most : how many are written out.

    Examples
    --------
    >>> shorten_list(["a.jpg", "b.jpg", "c.jpg"], 2)
    'a.jpg, b.jpg and 1 more'
    """
    texts = [str(value) for value in values]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more
