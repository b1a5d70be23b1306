"""Pictures inside files, and elsewhere: each is read when its turn comes.

A :class:`Member` says where a picture lies: a name in an archive, a row of a table, an address.
What holds it is a :class:`Container`, which knows how to read it. Both can be pickled, and read in
several threads and processes at a time.
"""

from __future__ import annotations

import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np

from memnet.errors import PictureError
from memnet.util.file_stamps import stamp_file
from memnet.util.text import words_of

Stored: TypeAlias = "bytes | np.ndarray[Any, Any]"
"""What a container holds of a picture: an encoded file, or its pixels."""


class Container(ABC):
    """What holds pictures: a file on this machine, unless :meth:`state` says otherwise.

    Attributes
    ----------
    path : of the file, as the user gave it.
    stamp : what the file was like when its pictures were listed.
    part : of it, where several can be opened.
    """

    part = ""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.stamp = str(stamp_file(self.path))

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (type(self), tuple(sorted(vars(self).items())))

    @abstractmethod
    def read_stored(self, place: Any, size: int, max_bytes: int) -> Stored:
        """Read what lies at a place; whatever is raised becomes one sentence."""

    def state(self, place: Any) -> Hashable:
        """Return what changes when the picture does; None where nobody can tell."""
        return stamp_file(self.path)

    def check(self) -> None:
        """Raise ``PictureError`` if it is no longer what its pictures were listed of."""
        if str(stamp_file(self.path)) != self.stamp:
            raise PictureError(
                f"{self.path} changed while its pictures were being scored; run the same command "
                "again."
            )


@dataclass(frozen=True)
class Member:
    """A picture in a container.

    Attributes
    ----------
    container : what holds it.
    place : where in it, as the container counts.
    size : in bytes, as the container states it; 0 where it does not.
    """

    container: Container
    place: Hashable
    size: int = 0

    def read(self, max_bytes: int) -> Stored:
        """Return its encoded bytes, or its pixels.

        Raises
        ------
        PictureError
            if it has more than ``max_bytes``, which are then not read, or is damaged.
        """
        if self.size > max_bytes:
            raise too_long(self.size, max_bytes)
        self.container.check()
        try:
            return self.container.read_stored(self.place, self.size, max_bytes)
        except (PictureError, MemoryError):
            raise
        except Exception as error:  # those of damaged archives are of a dozen kinds
            raise PictureError(
                f"It cannot be read from {self.container.path} ({words_of(error)})."
            ) from error

    def state(self) -> Hashable:
        """Return what changes when the picture does; None where nobody can tell."""
        return self.container.state(self.place)


def too_long(size: int, max_bytes: int) -> PictureError:
    """Say that a picture has too many bytes to be read."""
    return PictureError(
        f"The file has {size:,} bytes, more than the limit of {max_bytes:,}; raise it with "
        "--max-bytes, if it is a picture."
    )


_T = TypeVar("_T")

_MOST_OPEN = 8
"""Containers that are kept open, of those that take long to open."""

_open: OrderedDict[Hashable, Any] = OrderedDict()
_opening = threading.RLock()


def keep_open(container: Container, opened: Callable[[], _T]) -> _T:
    """Return what ``opened`` gave for a container, mostly of an earlier call in this process.

    It is forgotten, and closed by whoever used it last, when the container is no longer used, or
    when others were used since.
    """
    key = (os.getpid(), id(container))
    with _opening:
        if key not in _open:
            _open[key] = opened()
            weakref.finalize(container, _open.pop, key, None).atexit = False
        _open.move_to_end(key)
        kept: _T = _open[key]
        while len(_open) > _MOST_OPEN:
            _open.popitem(last=False)
    return kept


_unpickled: weakref.WeakValueDictionary[Hashable, Container] = weakref.WeakValueDictionary()


def _unpickle(kind: type[Container], state: tuple[tuple[str, Hashable], ...]) -> Container:
    """Return one container however often it comes, so that it is opened once."""
    with _opening:
        container = _unpickled.get((kind, state))
        if container is None:
            container = kind.__new__(kind)
            vars(container).update(state)
            _unpickled[kind, state] = container
    return container
