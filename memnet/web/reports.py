"""The report of a comparison, made in a process of its own: minutes of arithmetic stop nobody.

Nothing is written to the disk: tables come as text and rows, and the report goes as one page.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memnet.util.text import split_label

TRUTH = "the table with the human scores"
"""What sentences call the table that was sent."""


@dataclass(frozen=True)
class Report:
    """What came of a comparison.

    Attributes
    ----------
    html : ``report.html`` of ``memnet compare``, one file without outside resources.
    policy : the Content-Security-Policy that it needs, which lets no other script run.
    answer : its first sentence.
    matched : pictures that were compared.
    notes : its warnings, which also say what did not match.
    """

    html: bytes
    policy: str
    answer: str
    matched: int
    notes: tuple[str, ...]


def make_report(
    truth: str,
    rows: Sequence[tuple[str, str, float | None]],
    identities: Mapping[str, Mapping[str, Any]],
    *,
    truth_column: str,
    id_column: str = "",
    match: str = "exact",
    dataset: str = "",
    target: str = "",
) -> Report:
    """Compare scores with human scores, as ``memnet compare`` does.

    Parameters
    ----------
    truth : the text of a CSV file with human scores.
    rows : id of the picture, label of the model, score (None where there is none).
    identities : label -> :meth:`memnet.Predictor.identity`, of the models that are known here.
    truth_column, id_column, match, dataset, target : as of :func:`memnet.compare`.

    Raises
    ------
    MemnetError
        as :func:`memnet.compare`.
    """
    import pandas as pd

    from memnet.compare.comparison import compare_scores
    from memnet.compare.report.answer import write_answer
    from memnet.compare.report.render import html
    from memnet.data.tables import read_text_table

    scores = pd.DataFrame(
        [(image_id, *split_label(label), score) for image_id, label, score in rows],
        columns=["image_id", "model", "variant", "score"],
    )
    scores.attrs["models"] = dict(identities)
    record = compare_scores(
        read_text_table(truth, TRUTH),
        scores,
        truth_column=truth_column,
        id_column=id_column,
        match=match,
        dataset=dataset,
        target=target,
        command="memnet serve",
    )
    page = html(record)
    return Report(
        html=page.encode(),
        policy=_policy(page),
        answer=write_answer(record),
        matched=record.items["n"],
        notes=tuple(record.warnings),
    )


def _policy(page: str) -> str:
    """Allow the page's own script, by its checksum, and nothing from anywhere."""
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in scripts)
    allowed = " ".join(f"'sha256-{digest.decode()}'" for digest in digests) or "'none'"
    return (
        f"sandbox allow-scripts; default-src 'none'; script-src {allowed}; "
        "style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )
