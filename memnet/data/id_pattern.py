"""Ids that are made of the paths of pictures."""

from __future__ import annotations

import re
from pathlib import Path

from memnet.errors import MemnetError


class IdPattern:
    r"""Finds ids in paths by a regular expression with a group ``id``, or one group.

    Raises
    ------
    MemnetError
        if it is no regular expression, or has not one group to take; called with a path, if it
        finds no id in it.

    Examples
    --------
    >>> IdPattern(r"nsd0*(\d+)")("stimuli/shared0001_nsd02951.png")
    '2951'
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        try:
            self._compiled = re.compile(pattern)
        except re.error as error:
            raise MemnetError(
                f"--id-pattern {pattern} is no regular expression ({error}); an example: "
                r"--id-pattern 'nsd(\d+)' makes the id 02951 of pics/shared_nsd02951.png."
            ) from error
        if "id" not in self._compiled.groupindex and self._compiled.groups != 1:
            raise MemnetError(
                f"--id-pattern {pattern} has {self._compiled.groups} groups, and the id is what "
                "one group matches: put (...) round it, or (?P<id>...) where there are others."
            )
        self._group: int | str = "id" if "id" in self._compiled.groupindex else 1

    def __call__(self, path: str) -> str:
        """Return the id of a path."""
        found = self._compiled.search(Path(path).as_posix())
        image_id = found[self._group] if found else None
        if not image_id:
            raise MemnetError(
                f"--id-pattern {self.pattern} finds no id in {path}; mend the pattern, or leave "
                "that picture out."
            )
        return image_id
