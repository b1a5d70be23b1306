"""Pictures chosen by optimisation: numbers in, places out (``docs/statistics.md``)."""

from memnet.stats.selection.groups import SPREADS, SPREADS_FROM, choose_groups
from memnet.stats.selection.highs import OutOfTime
from memnet.stats.selection.matching import CannotBe, Chosen, Matching
from memnet.stats.selection.pairs import LEAN, choose_pairs
from memnet.stats.selection.splitting import split
from memnet.stats.selection.spread import choose_spread

__all__ = [
    "LEAN",
    "SPREADS",
    "SPREADS_FROM",
    "CannotBe",
    "Chosen",
    "Matching",
    "OutOfTime",
    "choose_groups",
    "choose_pairs",
    "choose_spread",
    "split",
]
