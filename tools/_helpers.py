"""Makes the tests' helpers importable: the pages show what the tests measure."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "helpers"))
