"""The k largest values of each filter while pictures stream past, in memory that does not grow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from memnet.util.arrays import AnyArray, Array

NONE = -1
"""The number of no picture."""


@dataclass
class RunningTop:
    """The k largest values of each filter so far, the largest first.

    Attributes
    ----------
    values : ``(filters, k)`` float64; -inf where there are fewer pictures than k.
    pictures : ``(filters, k)`` int64: numbers of pictures, :data:`NONE` where there is none.
    places : ``(filters, k)`` int64: whatever belongs to a value.
    """

    values: Array
    pictures: AnyArray
    places: AnyArray

    @classmethod
    def empty(cls, filters: int, k: int) -> RunningTop:
        """Begin without a picture."""
        return cls(
            values=np.full((filters, k), -np.inf),
            pictures=np.full((filters, k), NONE),
            places=np.zeros((filters, k), np.int64),
        )

    def add(self, values: Array, pictures: AnyArray, places: AnyArray, ranks: AnyArray) -> None:
        """Let pictures compete with those that are kept.

        Parameters
        ----------
        values : ``(n, filters)``, finite.
        pictures : ``(n,)``: their numbers, each once. A picture that is kept already stays as it
            is: the same picture has the same values.
        places : ``(n, filters)``.
        ranks : of equal values the picture with the smaller rank comes first: ``ranks[number]``,
            for the numbers that are kept, too.

        Examples
        --------
        >>> top = RunningTop.empty(filters=1, k=2)
        >>> for number, value in enumerate([0.5, 0.9, 0.7, 0.9]):
        ...     top.add(np.array([[value]]), np.array([number]), np.array([[0]]), np.arange(4))
        >>> top.values.tolist(), top.pictures.tolist()
        ([[0.9, 0.9]], [[1, 3]])
        """
        k = self.values.shape[1]
        wanted = (values >= self.values[:, -1]).any(axis=1)
        if not wanted.any():
            return
        shape = (len(self.values), int(wanted.sum()))
        new = np.broadcast_to(pictures[wanted], shape)
        there = (self.pictures[:, :, None] == new[:, None, :]).any(axis=1)
        all_values = np.concatenate([self.values, np.where(there, -np.inf, values[wanted].T)], 1)
        all_pictures = np.concatenate([self.pictures, np.where(there, NONE, new)], 1)
        all_places = np.concatenate([self.places, places[wanted].T], 1)
        order = np.lexsort((ranks[all_pictures], -all_values), axis=1)[:, :k]
        self.values = np.take_along_axis(all_values, order, 1)
        self.pictures = np.take_along_axis(all_pictures, order, 1)
        self.places = np.take_along_axis(all_places, order, 1)
