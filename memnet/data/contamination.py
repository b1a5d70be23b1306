"""Has a model seen the pictures it is tested on? One word per model and data set, and why.

Data sets are named ``name``, or more exactly ``name:part:split``:

- ``lamem``: the data set; nothing is said about which of its pictures.
- ``lamem:train``: its training part, of a split that is not named.
- ``lamem:train:1``, ``lamem:test:1``: the parts of its official split 1.
- ``lamem+memcat:train:seed2022``: of a mixture, cut with that seed.

A model lists every part that its training looked at: ``lamem:val:1`` too, where the validation
part decided when to stop. Only two parts of one split are known to share no picture. The parts of
*different* splits do: 76 to 77 % of the pictures of each of LaMem's test parts are in the training
part of each other split.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from memnet.data.datasets import PARTS, known_datasets
from memnet.errors import MemnetError

MEANINGS = {
    "contaminated": "pictures of this data set were used to train the model: the value says "
    "nothing about pictures that it has not seen",
    "possibly": "it cannot be ruled out that the model was trained on these pictures: memnet does "
    "not know the data set, or the model was trained on a part of it that was not published, or "
    "the part that was tested was not named (as in lamem:test:1)",
    "clean": "the data set is not among those that the model was trained on, or it is another part "
    "of the very split that the model was trained on, or the model was trained on no data set",
    "unknown": "the data set was not named, or the model's training data are not known",
}
"""The four words and what they claim. They speak of data sets, not of single pictures."""

_WORST_LAST = ("clean", "possibly", "contaminated")


@dataclass(frozen=True, kw_only=True)
class DatasetName:
    """A data set's name, taken apart.

    Attributes
    ----------
    names : the data sets in it, more than one for a mixture.
    part : a key of :data:`memnet.data.datasets.PARTS`, "" where it is not said.
    split : which split, "" where it is not said.
    """

    names: frozenset[str]
    part: str
    split: str

    @classmethod
    def parse(cls, text: str) -> DatasetName:
        """Read ``name``, ``name:part`` or ``name:part:split``, in any letter case.

        A name with a colon whose data set memnet does not know is left whole, unless it names a
        part.

        Raises
        ------
        MemnetError
            if a known data set is followed by something that is no part.
        """
        whole = text.strip().lower()
        name, *rest = whole.split(":")
        names = frozenset(name.split("+"))
        if not rest:
            return cls(names=names, part="", split="")
        if rest[0] in PARTS and len(rest) <= 2 and all(rest):
            return cls(names=names, part=rest[0], split="".join(rest[1:]))
        if names & known_datasets().keys():
            raise MemnetError(
                f"The data set {text!r} cannot be read; after {name!r} comes nothing, or "
                f"{', '.join(PARTS)} and the split, as in {name}:test:1."
            )
        return cls(names=frozenset({whole}), part="", split="")

    @property
    def base(self) -> str:
        """The name without part and split; a mixture in alphabetical order."""
        return "+".join(sorted(self.names))

    @property
    def known(self) -> bool:
        """Whether memnet knows every data set in it."""
        return self.names <= known_datasets().keys()

    def __str__(self) -> str:
        return ":".join(filter(None, (self.base, self.part, self.split)))


def check_trained_on(names: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return what a model was trained on as a tuple; None stays None.

    Raises
    ------
    MemnetError
        for a plain string, which would be read letter by letter, and for a name that cannot be
        read.

    Examples
    --------
    >>> check_trained_on(["lamem:train:1"])
    ('lamem:train:1',)
    """
    if names is None:
        return None
    if isinstance(names, (str, bytes)):
        raise MemnetError(f"trained_on is the plain text {names!r}; write it as [{names!r}].")
    listed = tuple(names)
    for name in listed:
        if not isinstance(name, str) or not name.strip():
            raise MemnetError(
                f"trained_on has {name!r}, which is no name of a data set; write names as in "
                "['lamem:train:1'], () for none, or None where nobody knows."
            )
        DatasetName.parse(name)
    return listed


def nearly_known(dataset: str) -> dict[str, str]:
    """Return the unknown names in a data set's name -> the known one that each may be meant for.

    Examples
    --------
    >>> nearly_known("memact:train:1"), nearly_known("ours")
    ({'memact': 'memcat'}, {})
    """
    known = known_datasets()
    near = {
        name: get_close_matches(name, known, n=1, cutoff=0.8)
        for name in sorted(DatasetName.parse(dataset).names - known.keys())
    }
    return {name: names[0] for name, names in near.items() if names}


@dataclass(frozen=True, kw_only=True)
class ContaminationVerdict:
    """A word and the reason for it.

    Attributes
    ----------
    word : a key of :data:`MEANINGS`.
    why : one sentence about this model and this data set.
    """

    word: str
    why: str


def dataset_title(dataset: str) -> str:
    """Say what a data set is, part and split included; the name itself where it is not known."""
    if not dataset:
        return ""
    name = DatasetName.parse(dataset)
    entry = known_datasets().get(name.base)
    title = entry.title if entry else name.base if name.part else dataset
    split = f" of split {name.split}" if name.split else ""
    return f"{title}, {PARTS[name.part]}{split}" if name.part else title


def judge_contamination(
    trained_on: Iterable[str] | None,
    dataset: str,
    *,
    split_unpublished: Collection[str] = (),
) -> ContaminationVerdict:
    """Say whether a model may be judged by a test on ``dataset``, and why.

    Parameters
    ----------
    trained_on : names of its training sets, as the head of this file says; () for none, which is
        clean whatever the test set; None where nobody knows. A data set without a part counts as
        used whole.
    dataset : name of the test set, "" where the user did not say.
    split_unpublished : those of ``trained_on`` of which only a part was used for training, and
        which part was not published. They count as ``name:train``.

    Returns
    -------
    ContaminationVerdict
        the worst over the training sets.

    Raises
    ------
    MemnetError
        if a name cannot be read.

    Examples
    --------
    >>> judge_contamination(["lamem:train:1"], "lamem:test:1").word
    'clean'
    >>> judge_contamination(["lamem:train:1"], "lamem:test:2").word
    'contaminated'
    >>> judge_contamination(["lamem"], "lamem+memcat", split_unpublished=["lamem"]).word
    'possibly'
    """
    trained_on = check_trained_on(trained_on)
    if trained_on == ():
        return ContaminationVerdict(word="clean", why="The model was trained on no data set.")
    if not dataset.strip():
        return ContaminationVerdict(word="unknown", why="The data set was not named.")
    tested = DatasetName.parse(dataset)
    if trained_on is None:
        return ContaminationVerdict(
            word="unknown", why="Nobody knows what the model was trained on."
        )
    verdicts = []
    apart = False
    for text in trained_on:
        used = DatasetName.parse(text)
        if not used.part and text in split_unpublished:
            used = DatasetName(names=used.names, part="train", split="")
        if used.names & tested.names:
            verdicts.append(_of_one_data_set(used, tested))
        else:
            apart = True
    if apart:
        verdicts.append(_of_another_data_set(tested))
    foreign = [name for name in map(DatasetName.parse, trained_on) if not name.known]
    clean = all(verdict.word == "clean" for verdict in verdicts)
    if foreign and clean and not _same_split(trained_on, tested):
        return ContaminationVerdict(
            word="possibly",
            why=f"The model was trained on {foreign[0].base}, which memnet does not know, so it "
            f"may share pictures with {tested.base}.",
        )
    return max(verdicts, key=lambda verdict: _WORST_LAST.index(verdict.word))


def _same_split(trained_on: Collection[str], tested: DatasetName) -> bool:
    """Whether the test part is of the very split that every training part is of."""
    used = [DatasetName.parse(text) for text in trained_on]
    return bool(tested.split) and all(
        (each.names, each.split) == (tested.names, tested.split) for each in used
    )


def _of_another_data_set(tested: DatasetName) -> ContaminationVerdict:
    if tested.known:
        return ContaminationVerdict(
            word="clean", why=f"The model was not trained on {tested.base}."
        )
    return ContaminationVerdict(
        word="possibly",
        why=f"memnet does not know the data set {tested.base}, so it may share pictures with those "
        "that the model was trained on.",
    )


def _of_one_data_set(used: DatasetName, tested: DatasetName) -> ContaminationVerdict:
    """Judge a training set and a test set that have a data set in common."""
    same = used.names == tested.names
    if not used.part:
        return ContaminationVerdict(word="contaminated", why=f"The model was trained on {used}.")
    if same and used.split and used.split == tested.split:
        if used.part == tested.part:
            return ContaminationVerdict(
                word="contaminated", why=f"The model was trained on {used} itself."
            )
        return ContaminationVerdict(
            word="clean",
            why=f"The model was trained on {used}, which shares no picture with {tested}.",
        )
    if used.part == tested.part == "train":
        return ContaminationVerdict(
            word="contaminated",
            why=f"The model was trained on {used}; the training parts of two splits share most of "
            "their pictures.",
        )
    if not used.split:
        return ContaminationVerdict(
            word="possibly",
            why=f"The model was trained on a part of {used.base}; which part was not published.",
        )
    if same and not tested.split:
        return ContaminationVerdict(
            word="possibly",
            why=f"The model was trained on {used}; which part of which split was tested was not "
            f"said (name it, as in {used.base}:test:{used.split}).",
        )
    return ContaminationVerdict(
        word="contaminated",
        why=f"The model was trained on {used}; the parts of two splits share pictures.",
    )
