"""The pictures that the package carries, for ``memnet serve --demo``."""

from __future__ import annotations

from pathlib import Path

import memnet.samples

FOLDER = Path(memnet.samples.__path__[0]) / "pictures"
ADDRESS = "/page/samples"


def sample_addresses() -> list[str]:
    """Return where the page finds them."""
    return [f"{ADDRESS}/{path.name}" for path in sorted(FOLDER.glob("*.png"))]
