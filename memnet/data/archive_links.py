"""Links in archives: one that leads to a file of the same archive is that file."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from memnet.data.contents import Contents, clean_name
from memnet.preprocess.members import Member

LINKS_ELSEWHERE = "links to what is not in the archive"
"""What links are counted as that lead to no file in the archive."""

_LONGEST_CHAIN = 40
"""Links to links that are followed, as many as Linux does."""


class Links:
    """The links of an archive, until it was listed to its end: only then it is known where to."""

    def __init__(self) -> None:
        self._targets: dict[str, str] = {}

    def add(self, stored_name: str, target: str, *, is_symbolic: bool) -> None:
        """Note a link: a symbolic one leads on from its own folder, a hard one names a member."""
        name = clean_name(stored_name)
        if is_symbolic:
            target = "" if target.startswith("/") else f"{posixpath.dirname(name)}/{target}"
        self._targets[name] = clean_name(target)

    def follow(self, contents: Contents, find: Callable[[set[str]], Mapping[str, Member]]) -> None:
        """Put what links lead to in their places among the pictures; count those that lead nowhere.

        Parameters
        ----------
        contents : in which links to pictures have a place already.
        find : returns which of some names are files of the archive, and these.
        """
        ends = {name: self._end(name) for name in self._targets if name in contents.members}
        files = find(set(ends.values())) if ends else {}
        for name, end in ends.items():
            if end in files:
                contents.members[name] = files[end]
            else:
                del contents.members[name]
                contents.passed_over[LINKS_ELSEWHERE] += 1

    def _end(self, name: str) -> str:
        for _ in range(_LONGEST_CHAIN):
            name = self._targets.get(name, name)
        return name
