"""Whole files: flushed in the right order, kept on every fault, and written in one place only."""

from __future__ import annotations

import ast
import errno
import os
import re
from pathlib import Path

import pytest

import memnet
from memnet.errors import MemnetError
from memnet.util import atomic
from memnet.util.atomic import replace_file, require_writable, write_bytes, write_text

PACKAGE = Path(memnet.__file__).parent


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def calls(monkeypatch):
    """Record what is flushed and renamed, in order."""
    recorded: list[tuple[str, str]] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(handle):
        name = os.readlink(f"/proc/self/fd/{handle}") if Path("/proc/self/fd").exists() else ""
        recorded.append(("fsync", Path(name).name))
        real_fsync(handle)

    def replace(old, new):
        recorded.append(("replace", Path(new).name))
        real_replace(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    return recorded


def test_the_file_is_flushed_then_renamed_then_the_folder_is_flushed(tmp_path, calls):
    folder = tmp_path / "new folder"
    write_text(folder / "a.txt", "héllo\n")
    assert [call for call, _ in calls] == ["fsync", "replace", "fsync"]
    if calls[0][1]:  # where the system tells the name of an open file
        assert calls[0][1].startswith(".a.txt.")
        assert calls[0][1].endswith(".part")
        assert calls[2][1] == "new folder"
    assert (folder / "a.txt").read_bytes() == "héllo\n".encode()
    assert names(folder) == ["a.txt"]


def test_what_is_flushed_holds_the_whole_content(tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    write_bytes(tmp_path / "a", b"x" * 100_000)
    assert sizes[0] == 100_000


def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path, monkeypatch):
    real = os.open

    def refuse(path, *args, **options):
        if Path(path) == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied")  # as on Windows
        return real(path, *args, **options)

    monkeypatch.setattr(os, "open", refuse)
    write_text(tmp_path / "a", "1")
    assert (tmp_path / "a").read_text() == "1"


def full(*_args, **_options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch, function):
    path = tmp_path / "a"
    write_text(path, "old")
    monkeypatch.setattr(os, function, full)
    with pytest.raises(MemnetError, match=r"/a cannot be written \(No space left .*\); free some"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, ZeroDivisionError])
def test_a_write_that_stops_midway_keeps_the_old_file(tmp_path, fault):
    path = tmp_path / "a"
    write_text(path, "old")
    with pytest.raises(fault), replace_file(path) as temporary:  # noqa: PT012
        temporary.write_text("ne")
        raise fault
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_librarys_own_error_and_advice_become_the_sentence(tmp_path):
    path = tmp_path / "a"
    with (  # noqa: PT012
        pytest.raises(MemnetError) as caught,
        replace_file(path, advice="try another disk", errors=(RuntimeError,)) as temporary,
    ):
        temporary.write_text("half")
        raise RuntimeError("the writer stopped\nsecond line")
    assert str(caught.value) == f"{path} cannot be written (the writer stopped); try another disk."
    assert names(tmp_path) == []


@pytest.fixture
def windows(monkeypatch):
    """Return a function: so many renames are refused, as where another program has the file."""
    replace = os.replace

    def refused(times):
        left = [None] * times

        def rename(source, target):
            if left:
                left.pop()
                raise PermissionError(errno.EACCES, "Access is denied")
            replace(source, target)

        monkeypatch.setattr(os, "replace", rename)

    monkeypatch.setattr(atomic, "WINDOWS", True)
    monkeypatch.setattr(atomic, "_PAUSES", (0, 0))
    return refused


def test_windows_is_asked_again_where_a_scanner_holds_the_file(tmp_path, windows):
    windows(2)
    write_text(tmp_path / "a.csv", "new")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "new"


def test_a_table_that_is_open_in_another_program_keeps_its_content(tmp_path, windows):
    (tmp_path / "a.csv").write_text("old", encoding="utf-8")
    windows(3)
    with pytest.raises(MemnetError, match=r"\(Access is denied, or another program has it open\)"):
        write_text(tmp_path / "a.csv", "new")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path):
    require_writable(tmp_path)
    require_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(
        MemnetError, match=r"below cannot be written \(Not a directory\); free some"
    ):
        require_writable(tmp_path / "file" / "below")


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MemnetError, match=r"cannot be written \((File exists|Not a directory)"):
        write_text(tmp_path / "file" / "a", "1")


# Who else may write to a file, and why: these do not write whole files.
ALLOWED = {
    "util/atomic.py": "the writer itself",
    "scoring/score_file.py": "appends to the journal, flushed batch by batch",
    "weights/download.py": "appends to an unfinished download, which is checked before it is used",
    "util/workbook.py": "opens the sheet within the archive, which is written by replace_file",
    "reimpl/probe/features.py": "appends features picture by picture; a cut-off row is cut off",
    "reimpl/training/cache_files.py": "fills a file row by row; its .json says when it is whole",
    "inspect/activations.py": "keeps rows in a temporary folder until the file is put together",
    "inspect/activation_files.py": "fills the temporary file that inspect/activations.py replaces",
    "reimpl/training/frozen_outputs.py": "fills a file row by row; its .json says when it is whole",
}
WRITERS = {"write_text", "write_bytes", "savefig", "save_file", "savez", "savez_compressed"}
WRITERS |= {"to_csv", "to_parquet", "to_json", "to_excel", "to_feather", "to_pickle", "to_html"}
WRITERS |= {"dump", "save", "savetxt", "move", "tofile", "touch"}
MODULES = {"os", "shutil"}  # whose replace, rename and move change files


def is_mode(value: object) -> bool:
    """Whether a value is a mode of ``open`` that writes."""
    return isinstance(value, str) and bool(re.fullmatch(r"[rbt]*[wxa+][rbt+]*", value))


def opened_by(call: ast.Call) -> str:
    """Return the variable whose method a call is: ``temporary`` of ``temporary.open("wb")``."""
    return str(getattr(getattr(call.func, "value", None), "id", ""))


def writes(tree: ast.Module) -> list[tuple[int, str]]:
    """Every call that writes to a path of its own, with its line."""
    temporaries = {
        item.optional_vars.id
        for node in ast.walk(tree)
        if isinstance(node, ast.With)
        for item in node.items
        if isinstance(item.optional_vars, ast.Name)
        and isinstance(item.context_expr, ast.Call)
        and getattr(item.context_expr.func, "id", "") == "replace_file"
    }
    temporaries |= {  # and what such a file is opened as
        item.optional_vars.id
        for node in ast.walk(tree)
        if isinstance(node, ast.With)
        for item in node.items
        if isinstance(item.optional_vars, ast.Name)
        and isinstance(item.context_expr, ast.Call)
        and opened_by(item.context_expr) in temporaries
    }

    def harmless(call: ast.Call) -> bool:
        """Into a temporary file of `replace_file`, into a string, to stdout, or into a buffer."""
        used = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
        targets = [ast.unparse(argument) for argument in call.args]
        text = isinstance(call.func, ast.Attribute) and call.func.attr.startswith("to_")
        return bool(used & (temporaries | {"buffer"}) or "sys.stdout" in targets) or (
            text and not targets
        )

    found = []
    for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
        if isinstance(call.func, ast.Name) and call.func.id != "open":
            name = call.func.id if call.func.id in WRITERS - {"write_text", "write_bytes"} else ""
        else:
            name = getattr(call.func, "attr", "open")
        if name == "open":
            modes = [*call.args, *(keyword.value for keyword in call.keywords)]
            writing = any(isinstance(mode, ast.Constant) and is_mode(mode.value) for mode in modes)
            if writing and opened_by(call) not in temporaries:
                found.append((call.lineno, "open"))
        elif name in ("replace", "rename"):  # of Path and os, not of str and DataFrame
            owner = getattr(getattr(call.func, "value", None), "id", "")
            if owner in MODULES or (len(call.args) == 1 and not call.keywords):
                found.append((call.lineno, name))
        elif name in WRITERS and not harmless(call):
            found.append((call.lineno, name))
    return found


def test_the_check_below_sees_every_kind_of_writing():
    wrong = [
        "path.write_text('x')",
        "open(path, 'w')",
        "path.open('ab')",
        "path.open(mode='r+b')",
        "os.replace(a, b)",
        "new.replace(path)",
        "frame.to_csv(path, index=False)",
        "json.dump(value, file)",
        "save_file(tensors, path)",
        "figure.savefig(path)",
        "np.save(path, values)",
        "shutil.move(a, b)",
    ]
    assert [len(writes(ast.parse(line))) for line in wrong] == [1] * len(wrong)
    right = [
        "write_text(path, 'x')",
        "path.open('rb')",
        "open(path)",
        "name.replace('a', 'b')",
        "frame.to_csv(index=False)",
        "frame.to_csv(sys.stdout)",
        "with replace_file(path) as temporary:\n    frame.to_parquet(temporary)",
        "with replace_file(p) as temporary, temporary.open('wb') as file:\n    np.savez(file, a=1)",
    ]
    assert [writes(ast.parse(line)) for line in right] == [[]] * len(right)


def test_only_the_atomic_writer_writes_whole_files():
    wrong = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        lines = writes(ast.parse(path.read_text(encoding="utf-8")))
        if lines and name not in ALLOWED:
            wrong[name] = lines
    assert wrong == {}, "write whole files with memnet.util.atomic"
    assert all((PACKAGE / name).is_file() for name in ALLOWED), "an exception that is no more"
    assert atomic.ADVICE
