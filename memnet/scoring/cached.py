"""Scoring by way of the score cache: only what is not known yet is decoded and computed.

**What a score is filed under**: the sha256 of the picture's file, and :func:`scoring_digest`, which
covers the weights' numbers, the network, preprocessing and output scaling, the kind of device,
memnet's own code for pictures and networks, the versions of what it computes with, and the limits
of a picture. Not the processor, its threads or the batch: they move a score by less than 1e-6.

**What is not kept**: failures, so that they are tried again; arrays, PIL pictures and frames of
videos, which are decoded before they come here; models whose code memnet does not know (functions,
networks that :func:`memnet.register_network` added, a ``Predictor`` whose ``network`` was touched).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import memnet
from memnet.data.pictures import Item
from memnet.preprocess.decode import PictureLimits
from memnet.scoring.numeric_environment import software
from memnet.scoring.picture_contents import Content, digest_picture
from memnet.scoring.score_cache import ScoreCache
from memnet.scoring.scored import Scored, make_row
from memnet.scoring.table import Row
from memnet.util.checks import require_whole
from memnet.util.text import model_label
from memnet.util.versions import version
from memnet.weights.files import WeightHeader
from memnet.weights.networks import is_own

if TYPE_CHECKING:
    from memnet.scoring.engine import Scorer
    from memnet.scoring.functions import FunctionHeader

_THREADS = min(4, os.cpu_count() or 1)

_MOST_WAITING = 1000
"""Rows that are known and wait for one that is being computed; then a batch is ended early."""

_CODE = ("preprocess", "legacy", "reimpl", "scoring")
"""The packages of memnet whose code decides a score."""

_DEVICES = ("cpu", "cuda", "mps")
"""Another is refused where the model is read, or does what nobody has measured."""

_LIBRARIES = {"probe": ("timm", "open_clip_torch", "transformers")}
"""Architecture -> libraries besides torch and torchvision that its networks may come from."""


def scoring_digest(
    header: WeightHeader | FunctionHeader, device: str, limits: PictureLimits
) -> bytes | None:
    """Return a digest of everything that decides a score but the picture; None: it is not known.

    Parameters
    ----------
    header : of the model, with the preprocessing and output of its variant.
    device : where the network runs: ``"cpu"``, ``"cuda:1"``; only its kind matters.
    limits : of a picture; within them it has this score, beyond them none.
    """
    kind = device.partition(":")[0]
    if not isinstance(header, WeightHeader) or not is_own(header.arch) or kind not in _DEVICES:
        return None
    torch = sys.modules.get("torch")  # where nobody has imported it, nobody has changed it
    if torch is not None and (torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled(kind)):
        return None
    decides: dict[str, Any] = {
        "tensors": header.tensors_sha256,
        "arch": header.arch,
        "preprocess": header.preprocess.to_dict(),
        "output": header.output.to_dict(),
        "limits": asdict(limits),
        "device": kind,
        "precision": "exact",
        "float32 precision": torch.get_float32_matmul_precision() if torch else "highest",
        "libraries": [version(name) for name in _LIBRARIES.get(header.arch, ())],
        "software": {k: v for k, v in software().items() if k not in ("python", "pandas")},
        "code": _code_digest(),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).digest()


@cache
def _code_digest() -> str:
    """Sha256 of memnet's code for pictures and networks: who changes it gets new scores."""
    root = Path(memnet.__file__).parent
    digest = hashlib.sha256()
    for file in sorted(file for name in _CODE for file in (root / name).rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@dataclass
class _Place:
    """A row to be: of a picture that is known, or being computed, here or for an earlier row."""

    item: Item
    content: Content | None = None
    key: bytes | None = None
    result: Scored | str | None = None
    computed: bool = False
    earlier: _Place | None = None

    def is_still(self, limits: PictureLimits) -> bool:
        return self.content is not None and self.content.is_still(self.item.picture, limits)

    @property
    def known(self) -> Scored | str | None:
        return self.result if self.earlier is None else self.earlier.result


def score_with_cache(
    items: Iterable[Item],
    *,
    name: str,
    variant: str,
    predictor: Callable[[], Scorer],
    digest: bytes | None,
    cache: ScoreCache | None,
    batch_size: int,
    limits: PictureLimits,
) -> Iterator[list[Row]]:
    """Score items in order, as :func:`memnet.scoring.engine.score_items`, each picture once.

    Parameters
    ----------
    items, batch_size, limits : as there.
    name, variant : what the rows call the model.
    predictor : gives the model; not called where everything is known.
    digest : :func:`scoring_digest` of the model; None: all is computed.
    cache : None: all is computed.
    """
    require_whole("batch_size", batch_size, 1)
    if cache is None or digest is None:
        from memnet.scoring.engine import score_items

        yield from score_items(predictor(), items, batch_size=batch_size, limits=limits)
        return
    rows: deque[_Place] = deque()  # in order, from the first that is not out yet
    label = model_label(name, variant)
    asked: deque[_Place] = deque()  # of these, what the network has not answered yet
    places = _look_up(items, digest, cache, batch_size, limits)

    def ready() -> list[Row]:
        made = []
        while rows and (known := rows[0].known) is not None:
            place = rows.popleft()
            cache.taken += isinstance(known, Scored) and not place.computed
            item = place.item
            made.append(make_row(item.image_id, item.path, name, variant, known))
        return made

    while True:
        unknown = _unknown(places, cache, rows, asked)
        if (first := next(unknown, None)) is not None:
            from memnet.scoring.engine import run_batches  # torch, which what is known needs not

            queue = itertools.chain([first], unknown)
            for batch in run_batches(predictor(), queue, batch_size=batch_size, limits=limits):
                results = [result for _, result in batch]
                del batch  # whose frames of videos would stay while the next ones are decoded
                for result in results:
                    place = asked.popleft()
                    place.result, place.computed = result, True
                    if isinstance(result, Scored) and place.key and place.is_still(limits):
                        cache.add(place.key, label, result)
                if made := ready():
                    yield made
        if made := ready():
            yield made
        elif first is None:
            return


def _unknown(
    places: Iterator[_Place], cache: ScoreCache, rows: deque[_Place], asked: deque[_Place]
) -> Iterator[Item]:
    """Line places up in ``rows`` and yield what is to be computed, which waits in ``asked``.

    It ends where the places do, and where so many known ones wait that they should come out.
    """
    for place in places:
        rows.append(place)
        if place.key is not None and place.result is None:
            place.earlier = next((other for other in asked if other.key == place.key), None)
            place.result = cache.find([place.key]).get(place.key)  # computed meanwhile, perhaps
        if place.result is None and place.earlier is None:
            asked.append(place)
            yield place.item
        if len(rows) >= len(asked) + _MOST_WAITING:
            return


def _look_up(
    items: Iterable[Item], digest: bytes, cache: ScoreCache, size: int, limits: PictureLimits
) -> Iterator[_Place]:
    """Digest pictures in threads, so many at a time, and find what is known of them."""
    queue = iter(items)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="memnet-digest") as pool:
        while some := list(itertools.islice(queue, size)):
            places = list(pool.map(lambda item: _place(item, digest, limits), some))
            found = cache.find([place.key for place in places if place.key])
            for place in places:
                place.result = found.get(place.key) if place.key else None
                yield place


def _place(item: Item, digest: bytes, limits: PictureLimits) -> _Place:
    content = digest_picture(item.picture, limits)
    return _Place(item, content, content.key(digest) if content else None)
