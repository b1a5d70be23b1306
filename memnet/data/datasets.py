"""The data sets that memnet knows: one entry in ``datasets.toml`` and one reader each.

An entry makes the name known to ``memnet compare --dataset`` and to the check for contamination
(:mod:`memnet.data.contamination`); with a reader, ``memnet dataset NAME`` builds its truth table.
:func:`register_dataset` adds a data set from outside the package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from keyword import iskeyword
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from memnet.errors import MemnetError
from memnet.util.importing import import_named, path_of
from memnet.util.resources import packaged_toml

if TYPE_CHECKING:
    from memnet.data.manifest import Truth

PARTS = {"train": "training part", "val": "validation part", "test": "test part"}
"""The parts of a split, by the word in a data set's name, with what reports call them."""

_FORBIDDEN = ":+"
_OPTION_TYPES = ("path", "text", "integer")


@dataclass(frozen=True, kw_only=True)
class DatasetOption:
    """An option of ``memnet dataset NAME``; the fields are explained in ``datasets.toml``.

    Raises
    ------
    MemnetError
        if the name cannot be a parameter's in Python, or there is no such type.
    """

    name: str
    type: str
    help: str
    default: str | int | None = None
    parameter: str = ""

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name != self.name.lower() or iskeyword(self.name):
            raise MemnetError(
                f"{self.name!r} cannot be an option's name: write it in lower case, with _ between "
                "words (table_file becomes --table-file)."
            )
        if self.name in ("out", "help"):
            raise MemnetError(
                f"Every `memnet dataset` command has --{self.name} of its own; give the option "
                "another name."
            )
        if self.type not in _OPTION_TYPES:
            raise MemnetError(
                f"The option {self.name} has the type {self.type!r}; it must be "
                f"{' or '.join(_OPTION_TYPES)}."
            )


@dataclass(frozen=True, kw_only=True)
class DatasetEntry:
    """What memnet knows of a data set; the fields are explained in ``datasets.toml``.

    Raises
    ------
    MemnetError
        if two options have one name.
    """

    name: str
    title: str
    citation: str = ""
    reader: str | Callable[..., Truth] | None = None
    command: str = ""
    help: str = ""
    options: tuple[DatasetOption, ...] = field(default=())

    def __post_init__(self) -> None:
        names = [option.name for option in self.options]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise MemnetError(f"The data set {self.name} has the option {twice[0]} twice.")

    def read(self, *args: Any, **options: Any) -> Truth:
        """Build the truth table from the published files.

        Returns
        -------
        Truth
            its rows checked: see :func:`memnet.data.manifest.usable_truth`.

        Raises
        ------
        MemnetError
            if the data set has no reader, the files are not what the reader expects, or it returns
            no :class:`~memnet.data.manifest.Truth`.
        """
        from memnet.data.manifest import usable_truth

        if self.reader is None:
            raise MemnetError(
                f"memnet knows the data set {self.name} by its name only and has no reader for its "
                "files; give its table to --truth."
            )
        reader = self.reader
        if isinstance(reader, str):
            try:
                reader = import_named(reader)
            except (ImportError, AttributeError, ValueError) as error:
                raise MemnetError(
                    f"The reader {self.reader!r} of the data set {self.name} cannot be imported "
                    f"({error}); it must be a function, or 'module:function'."
                ) from error
        try:
            signature(reader).bind(*args, **options)
        except TypeError as error:
            raise MemnetError(
                f"The reader of the data set {self.name} was not called as it takes its arguments "
                f"({error}): {reader.__name__}{signature(reader)}."
            ) from None
        return usable_truth(reader(*args, **options), self.name)


def _load() -> dict[str, DatasetEntry]:
    entries = packaged_toml("memnet.data", "datasets.toml")
    return {name: _entry(name, entry) for name, entry in entries.items()}


def _entry(name: str, entry: dict[str, Any]) -> DatasetEntry:
    try:
        options = tuple(DatasetOption(**option) for option in entry.pop("options", ()))
        return DatasetEntry(name=name, options=options, **entry)
    except (MemnetError, TypeError) as error:  # TypeError: a key is missing, or unknown
        raise MemnetError(f"Data set {name} in memnet/data/datasets.toml: {error}") from error


_ENTRIES = _load()


def known_datasets() -> Mapping[str, DatasetEntry]:
    """Return the data sets by the name that ``memnet compare --dataset`` takes.

    Examples
    --------
    >>> known_datasets()["lamem"].title
    'LaMem (Khosla et al. 2015)'
    """
    return MappingProxyType(_ENTRIES)


def register_dataset(
    name: str,
    *,
    title: str,
    reader: str | Callable[..., Truth] | None = None,
    citation: str = "",
    help: str = "",
    options: Sequence[DatasetOption] = (),
) -> DatasetEntry:
    """Make a data set known, for as long as the program runs.

    Parameters
    ----------
    name : in lower case, without ``:`` and ``+``, which mark parts and mixtures.
    title : what reports call it.
    reader : a function, or ``"module:function"``, that takes the published files and returns a
        :class:`~memnet.data.manifest.Truth`; None where only the name is to be known.
    citation : where it was published.
    help, options : for ``memnet dataset NAME``.

    Raises
    ------
    MemnetError
        if the name is taken or cannot be a data set's. The same reader may be registered again,
        as when a cell of a notebook is run twice.

    Examples
    --------
    >>> entry = register_dataset("my-faces", title="My faces (2026)")
    >>> "my-faces" in known_datasets()
    True
    >>> unregister_dataset("my-faces")
    """
    if not name or name != name.strip().lower() or set(name) & set(_FORBIDDEN):
        raise MemnetError(
            f"{name!r} cannot be a data set's name: it must be in lower case, without spaces "
            f"around it and without {' and '.join(_FORBIDDEN)}."
        )
    known = _ENTRIES.get(name)
    if known is not None and (reader is None or path_of(known.reader) != path_of(reader)):
        raise MemnetError(f"There is a data set {name!r} already: {_ENTRIES[name].title}.")
    _ENTRIES[name] = DatasetEntry(
        name=name,
        title=title,
        citation=citation,
        reader=reader,
        help=help,
        options=tuple(options),
    )
    return _ENTRIES[name]


def unregister_dataset(name: str) -> None:
    """Forget a data set that :func:`register_dataset` made known."""
    _ENTRIES.pop(name, None)


def read_dataset(name: str, *args: Any, **options: Any) -> Truth:
    """Build the truth table of a known data set from its published files.

    Parameters
    ----------
    name : as ``memnet compare --dataset`` takes it.
    args, options : what the data set's reader takes: for ``lamem`` those of
        :func:`memnet.data.lamem.read_lamem`, for ``memcat`` those of
        :func:`memnet.data.memcat.read_memcat`, for ``lamem+memcat`` those of
        :func:`memnet.data.mixture.read_mixture`.

    Raises
    ------
    MemnetError
        if memnet does not know the data set or has no reader for it; as the reader does.
    """
    if name not in _ENTRIES:
        raise MemnetError(
            f"memnet does not know the data set {name!r}, only {', '.join(_ENTRIES)}."
        )
    return _ENTRIES[name].read(*args, **options)


def require_choice(option: str, value: object, allowed: Sequence[object]) -> None:
    """Raise ``MemnetError`` where an option of a reader has none of the allowed values."""
    if value not in allowed:
        raise MemnetError(f"--{option} is {value!r}; it must be {' or '.join(map(str, allowed))}.")
