"""How the numbers of a benchmark were computed: to paste into a paper, and to check."""

from __future__ import annotations

from memnet.studies.benchmark.record import BenchmarkRecord
from memnet.studies.benchmark.summary import why_left_out
from memnet.util.text import join_names


def methods_text(record: BenchmarkRecord) -> str:
    """Write the methods paragraph of a paper."""
    models, datasets = len(record.models), len(record.datasets)
    sets = join_names([f"{each['name']} (n = {each['n']:,})" for each in record.datasets])
    version = record.environment.get("memnet", "")
    sentences = [
        f"We compared {models} predictor{'' if models == 1 else 's'} of image memorability on "
        f"{sets} with memnet{f' {version}' if version else ''}.",
        "Accuracy is Spearman's rank correlation between predictions and human scores, with 95 % "
        "bootstrap intervals over pictures; the ceiling is the square root of the reliability of "
        "the human scores, and rho divided by it is called disattenuated.",
    ]
    if any(row.p_holm is not None for row in record.differences):
        tested = sum(row.p_holm is not None for row in record.differences)
        sentences.append(
            "Differences between models within a data set have paired bootstrap intervals and "
            f"permutation tests, corrected by Holm's method over all {tested} of them."
        )
    left = [cell for cell in record.cells if not cell.missing and why_left_out(cell)]
    if any(each.mean is not None for each in record.summaries):
        sentences.append(
            "Over data sets we took random-effects means of disattenuated rho (variance between "
            "data sets by Paule & Mandel, 1982; intervals by Hartung & Knapp, 2001, never narrower "
            "than those by the normal distribution) of the data sets on which a model's training "
            "had seen no picture."
        )
        if datasets > 1 and any(row.mean is not None for row in record.contrasts):
            sentences.append(
                "Two models were compared over the data sets that both had clean, by the "
                "random-effects mean of their differences on the same pictures."
            )
    if left:
        sentences.append(
            f"{len(left)} of {len(record.cells)} results were left out of the means, since the "
            "model was, or may have been, trained on these pictures, estimates another measure, "
            "or the reliability of the human scores is not known."
        )
    return " ".join(sentences)


def computed(record: BenchmarkRecord) -> list[str]:
    """Say how cells, differences and means came about, a sentence each."""
    return [
        "Each cell is that of a comparison of all models on the data set, on the pictures that "
        "all of them scored: see its full report for every other measure.",
        "Whether a model has seen a data set follows from what it was trained on, as its weight "
        "file, the catalogue or whoever declared it says; it speaks of data sets, not of single "
        "pictures, and a copy of a picture under another name is not found.",
        "The family of Holm's correction within data sets is every test of two models on every "
        "data set, but those where one of the two was trained on the pictures.",
        "The weight of a data set in a mean is 1 / (variance + variance between data sets); its "
        "variance is that of a normal distribution with the bootstrap interval of disattenuated "
        "rho. A published ceiling is taken as exact.",
        "Data sets are taken as exchangeable: a sample of those that might have been used. With "
        "few of them the interval is wide, and it is no interval for pictures unlike all of these.",
        f"Command: {record.command}",
        f"Made {record.created}, "
        + ", ".join(f"{name} {value}" for name, value in record.environment.items()),
    ]
