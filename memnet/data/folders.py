"""The search of folders and globs for pictures."""

from __future__ import annotations

import os
import sys
from collections import Counter
from glob import glob, has_magic
from pathlib import Path

from memnet.data.containers import CONTAINER_SUFFIXES, is_container
from memnet.data.contents import HIDDEN_FOLDERS, HIDDEN_NAMES
from memnet.data.inputs import Inputs, Item
from memnet.errors import MemnetError
from memnet.preprocess.video import VIDEO_SUFFIXES
from memnet.util.near_files import leads_into
from memnet.util.text import is_text


def add_folder(root: Path, inputs: Inputs) -> None:
    """Add the pictures in a folder and all below it, sorted by their ids.

    Raises
    ------
    MemnetError
        if it cannot be read, or holds no picture.
    """

    def failed(error: OSError) -> None:
        if Path(error.filename) == root:
            raise MemnetError(f"The folder {root} cannot be read: {error.strerror}.") from error
        inputs.unreadable.append(f"{error.filename}: {error.strerror}")

    paths: list[Path] = []
    entered: set[tuple[int, int]] = set()
    # Folders first, then links to folders that were not entered: links to each other end, and a
    # picture has the id of its own folder.
    to_enter = [root]
    while to_enter:
        start, links = to_enter.pop(0), []
        for folder, subfolders, names in os.walk(start, onerror=failed):
            if identity := _identity(Path(folder)):
                entered.add(identity)
            for name in sorted(subfolders):
                if name.startswith(HIDDEN_NAMES):
                    inputs.pass_over(Path(folder, name), HIDDEN_FOLDERS)
                    subfolders.remove(name)
                elif Path(folder, name).is_symlink():
                    links.append(Path(folder, name))
                elif _identity(Path(folder, name)) in entered:  # through a link to a parent
                    subfolders.remove(name)
            for name in names:
                if name.startswith("."):
                    inputs.pass_over(Path(folder, name), "hidden files")
                elif _is_picture(Path(folder, name), inputs):
                    paths.append(Path(folder, name))
        to_enter += links
        to_enter = [link for link in to_enter if _identity(link) not in entered]
    # The text, not the Path: those of a million pictures would take 400 MB.
    items = [Item(path.relative_to(root).as_posix(), at := str(path), at) for path in paths]
    inputs.items.extend(sorted(items, key=lambda item: item.image_id))
    if not inputs.items and not inputs.unreadable:
        raise MemnetError(
            f"The folder {root} holds no pictures ({_describe_ignored(inputs.ignored)}); "
            f"looked for {', '.join(inputs.suffixes)}.{_hint(inputs)}"
        )


def _identity(folder: Path) -> tuple[int, int] | None:
    """Device and inode of a folder; None where it cannot be asked."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def add_glob(pattern: str, inputs: Inputs) -> None:
    """Add the pictures that a glob matches, sorted by their paths.

    Raises
    ------
    MemnetError
        if it matches none.
    """
    fixed = Path()
    for part in Path(pattern).parts[:-1]:
        if has_magic(part):
            break
        fixed /= part
    for path in map(Path, sorted(glob(pattern, recursive=True))):
        inside = path.relative_to(fixed)
        hidden = [
            folder
            for folder in inside.parents
            if folder.name.startswith(HIDDEN_NAMES) and not _is_written(folder.name, pattern)
        ]
        if hidden:
            # the outermost, as in a folder
            inputs.pass_over(fixed / hidden[-1], HIDDEN_FOLDERS)
        elif path.is_file() and (is_container(pattern) or _is_picture(path, inputs)):
            inputs.items.append(Item(inside.as_posix(), at := str(path), at))
    if not inputs.items and not inputs.unreadable:
        hint = leads_into(pattern) or _hint(inputs)
        raise MemnetError(f"Nothing that is a picture matches {pattern}.{hint}")


def _is_written(name: str, pattern: str) -> bool:
    """Whether a glob names a hidden folder itself; ``*`` never stands for a name with a dot."""
    return name.startswith(".") or name in Path(pattern).parts


def _is_picture(path: Path, inputs: Inputs) -> bool:
    """Whether a file that was found is a picture to score; what is not is counted or named."""
    suffix = path.suffix.lower()
    if suffix not in inputs.suffixes:
        inputs.pass_over(path, suffix or "no ending")
    elif not is_text(str(path)):
        inputs.unreadable.append(f"{str(path)!a}: {why_no_text()}")
    else:
        return True
    return False


def why_no_text() -> str:
    """Say why no table can hold a name: the file's fault, or that of a locale like ``C``."""
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":
        return (
            f"Python reads names of files as {encoding} here, which has not all letters of this "
            "one; set the environment variable PYTHONUTF8=1"
        )
    return "the name is not UTF-8, so no table can hold it; rename the file"


def _describe_ignored(ignored: Counter[str]) -> str:
    if not ignored:
        return "it is empty"
    return "only " + ", ".join(f"{count} x {suffix}" for suffix, count in sorted(ignored.items()))


def _hint(inputs: Inputs) -> str:
    if inputs.ignored.keys() & set(VIDEO_SUFFIXES):
        return " Videos are scored where --fps says how many frames a second."
    if containers := sorted(inputs.ignored.keys() & set(CONTAINER_SUFFIXES)):
        return (
            f" The pictures in a {containers[0]} are scored where the file itself is named, or a "
            f"glob that ends so: '*{containers[0]}'."
        )
    return ""
