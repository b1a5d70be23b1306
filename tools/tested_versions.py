"""The versions of what this package needs, as installed here, for `requirements-tested.txt`.

    python tools/tested_versions.py > requirements-tested.txt

is run in the environment in which the tests have passed. It lists the package's dependencies, those
of its extras but `dev`, and what they need in turn; other packages of the environment are left out.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement

PACKAGE = "memnet-harness"
LEFT_OUT = {"dev"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    """Yield the requirements of an installed package that hold on this machine."""
    for line in distribution(name).requires or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": e}) for e in extras | {""}):
            yield requirement


def closure() -> dict[str, str]:
    """Name -> version of everything installed that the package may import."""
    extras = frozenset(distribution(PACKAGE).metadata.get_all("Provides-Extra") or ()) - LEFT_OUT
    versions: dict[str, str] = {}
    waiting = [(PACKAGE, extras)]
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in done:
            continue
        done.add((name, wanted))
        try:
            versions[name] = distribution(name).version
        except PackageNotFoundError:  # of an extra that is not installed here
            continue
        for requirement in needed(name, wanted):
            waiting.append((normal(requirement.name), frozenset(requirement.extras)))
    del versions[PACKAGE]
    return versions


def main() -> None:
    print("# Versions with which every test passed, on Python", platform.python_version() + ",")
    print(f"# {platform.system()} {platform.machine()}. Written by tools/tested_versions.py.")
    print('# pip install -c requirements-tested.txt ".[resmem]"')
    for name, version in sorted(closure().items()):
        print(f"{name}=={version.partition('+')[0]}")


if __name__ == "__main__":
    main()
