"""Folders, globs, files and manifests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pandas as pd
import pytest

from memnet.data.pictures import collect
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.decode import open_picture


def ids(*pictures) -> list[str]:
    return [item.image_id for item in collect([str(picture) for picture in pictures]).items]


@pytest.fixture
def tree(tmp_path):
    for name in ("b.JPG", "a.png", "sub/c.webp", "sub/deep/d.tif", "notes.txt", ".hidden.png"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "tree"


def test_a_folder_is_searched_recursively_and_ids_are_relative(tree):
    assert ids(tree) == ["a.png", "b.JPG", "sub/c.webp", "sub/deep/d.tif"]


def test_what_is_no_picture_is_counted_and_not_forgotten(tree):
    assert dict(collect([tree]).ignored) == {".txt": 1, "hidden files": 1}


def test_what_is_no_picture_is_counted_once_by_whatever_way_it_is_reached(tree):
    ways = [tree, tree / ".." / "tree", tree / "**" / "*.*", tree / "*.*"]
    assert dict(collect(ways).ignored) == {".txt": 1, "hidden files": 1}
    (tree / "none").mkdir()
    with pytest.raises(MemnetError, match=r"none holds no pictures \(it is empty\)"):
        collect([tree, tree / "none"])  # notes.txt is not in that folder


def test_a_single_file_has_its_name_whatever_its_ending(tree):
    (tree / "d.picture").write_bytes(b"")
    assert ids(tree / "sub" / "c.webp", tree / "d.picture") == ["c.webp", "d.picture"]


def test_a_glob_is_relative_to_its_fixed_part(tree):
    assert ids(tree / "sub" / "*.webp") == ["c.webp"]
    assert ids(tree / "**" / "*.*") == ["a.png", "b.JPG", "sub/c.webp", "sub/deep/d.tif"]


def test_a_file_whose_name_looks_like_a_glob_is_a_file(tree):
    (tree / "x[1].png").write_bytes(b"")
    assert ids(tree / "x[1].png") == ["x[1].png"]


def test_a_manifest_gives_paths_and_ids(tree):
    manifest = tree / "list.csv"
    manifest.write_text("image_id,path\nfirst,sub/c.webp\n007,a.png\n")
    found = collect([manifest]).items
    assert [(item.image_id, item.path) for item in found] == [
        ("first", str(tree / "sub/c.webp")),
        ("007", str(tree / "a.png")),
    ]
    manifest.write_text("path\na.png\n")
    assert ids(manifest) == ["a.png"]


def test_a_manifest_without_paths_names_its_columns(tree):
    (tree / "list.csv").write_text("file\na.png\n")
    with pytest.raises(MemnetError, match=r"no column 'path'.*file"):
        collect([tree / "list.csv"])


def test_a_row_of_a_manifest_without_a_path_is_a_failed_row_where_it_has_an_id(tree):
    table = tree / "list.csv"
    table.write_text("path,image_id\na.png,a\n,b\n")
    good, empty = collect([table]).items
    assert (empty.image_id, empty.path) == ("b", "")
    with pytest.raises(PictureError, match=r"^The table has no path here\.$"):
        open_picture(empty.picture)
    assert good.picture == str(tree / "a.png")
    with pytest.raises(MemnetError, match=r"^b: The table has no path here\.$"):
        collect([table]).require_files("training")
    table.write_text("poster,film\na.png,A\n,B\n")
    with pytest.raises(MemnetError, match=r"line 3, has no poster; fill it in, or leave such rows"):
        collect([table], path_column="poster")
    table.write_text("path,image_id\na.png,a\n,b\n")
    with pytest.raises(MemnetError, match=r"line 3, has no path; .* IS NOT NULL\)\.$"):
        collect([table], id_pattern="(.)[.]")
    table.write_text("path,image_id\na.png,a\nb.png,\n")
    with pytest.raises(MemnetError, match=r"line 3, has no image_id; fill it in\.$"):
        collect([table])
    table.write_text("path,image_id\na.png,a\n,a\n")
    with pytest.raises(MemnetError, match=r"a\.png and one without a path"):
        collect([table])


def test_rows_of_empty_cells_are_left_out_and_counted(tree):
    (tree / "list.csv").write_text("path,film\na.png,A\n,\n ,\n")
    inputs = collect([tree / "list.csv"])
    assert [item.image_id for item in inputs.items] == ["a.png"]
    assert inputs.notes == [f"{tree}/list.csv: 2 row(s) of empty cells were passed over"]
    (tree / "list.csv").write_text("path\na.png\n\n\nb.jpg\n\n")  # lines at the end are none
    assert collect([tree / "list.csv"]).notes == inputs.notes
    pytest.importorskip("openpyxl")
    rows = [["a.png", "A"], [None, None], ["b.jpg", "B"], [None, None]]
    pd.DataFrame(rows, columns=["path", "film"]).to_excel(tree / "list.xlsx", index=False)
    assert collect([tree / "list.xlsx"]).notes == [
        f"{tree}/list.xlsx: 1 row(s) of empty cells were passed over"
    ]


def test_the_paths_of_a_manifest_may_stand_in_another_column(tree):
    study = tree / "study.csv"
    study.write_text("image_id,file,rating\nfirst,sub/c.webp,3\nsecond,a.png,4\n")
    found = collect([study], path_column="file").items
    assert [(item.image_id, item.path) for item in found] == [
        ("first", str(tree / "sub/c.webp")),
        ("second", str(tree / "a.png")),
    ]
    with pytest.raises(MemnetError, match=r"no column 'path'.*--path-column NAME"):
        collect([study])
    with pytest.raises(MemnetError, match="--path-column file is for a manifest"):
        collect([tree], path_column="file")


def test_a_manifest_may_be_a_text_file(tree):
    (tree / "list.txt").write_text("picture\tmood\na.png\tglad\n")
    inputs = collect([tree / "list.txt"], path_column="picture")
    assert [item.path for item in inputs.items] == [str(tree / "a.png")]
    assert inputs.rows[0].extra == {"picture": "a.png", "mood": "glad"}


def test_a_manifest_may_be_a_sheet_or_parquet(tree):
    pytest.importorskip("openpyxl")
    rows = pd.DataFrame({"path": ["a.png"], "image_id": ["first"]})
    with pd.ExcelWriter(tree / "study.xlsx") as book:
        rows.to_excel(book, sheet_name="Notes", index=False)
        rows.to_excel(book, sheet_name="Pictures", index=False)
    rows.to_parquet(tree / "study.parquet")
    for manifest in ("study.xlsx#Pictures", "study.parquet"):
        (item,) = collect([tree / manifest]).items
        assert (item.image_id, item.path) == ("first", str(tree / "a.png"))
    with pytest.raises(MemnetError, match="has 2 sheets"):
        collect([tree / "study.xlsx"])


def test_two_columns_of_paths_are_refused_without_talk_of_another(tree):
    (tree / "list.csv").write_text("path,path\na.png,b.png\n")
    with pytest.raises(MemnetError, match=r"rename or delete all but one\.$"):
        collect([tree / "list.csv"])


def test_an_empty_name_is_not_the_folder_itself():
    with pytest.raises(MemnetError, match="name of a picture is empty"):
        collect([""])


def test_two_pictures_with_one_id_are_refused(tree):
    (tree / "other").mkdir()
    (tree / "other" / "c.webp").write_bytes(b"another")
    with pytest.raises(MemnetError, match=r"would share an image_id.*'c.webp'"):
        collect([tree / "sub", tree / "other" / "c.webp"])


def test_a_picture_named_twice_is_scored_once(tree):
    inputs = collect([tree / "sub", tree / "sub" / "c.webp", tree / "sub" / ".." / "sub"])
    assert [item.image_id for item in inputs.items].count("c.webp") == 1


def test_an_empty_folder_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MemnetError, match=r"holds no pictures \(it is empty\)"):
        collect([tmp_path / "empty"])
    (tmp_path / "empty" / "a.txt").write_text("")
    with pytest.raises(MemnetError, match=r"only 1 x \.txt"):
        collect([tmp_path / "empty"])


def test_a_missing_folder_and_an_empty_glob_are_said(tmp_path):
    with pytest.raises(MemnetError, match="There is no file or folder"):
        collect([tmp_path / "absent"])
    with pytest.raises(MemnetError, match="Nothing that is a picture matches"):
        collect([tmp_path / "*.png"])


def _unreadable(monkeypatch, folder):
    real = os.scandir

    def scandir(path):
        if os.fspath(path) == str(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)  # a test may run as root, who may read anything


def test_an_unreadable_folder_is_an_error(tree, monkeypatch):
    _unreadable(monkeypatch, tree)
    with pytest.raises(MemnetError, match="cannot be read: Permission denied"):
        collect([tree])


def test_an_unreadable_folder_inside_does_not_stop_the_rest(tree, monkeypatch):
    _unreadable(monkeypatch, tree / "sub")
    inputs = collect([tree])
    assert [item.image_id for item in inputs.items] == ["a.png", "b.JPG"]
    assert inputs.unreadable == [f"{tree / 'sub'}: Permission denied"]


def test_links_are_followed_and_circles_end(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "e.png").write_bytes((tree / "a.png").read_bytes())
    (tree / "linked").symlink_to(elsewhere)
    (tree / "sub" / "up").symlink_to(tree)
    (tree / "again").symlink_to(tree / "sub")
    found = ids(tree)
    assert "linked/e.png" in found
    assert [each for each in found if each.endswith("c.webp")] == ["sub/c.webp"]
    for name in "xyz":  # links to each other: there is no end to the paths
        (tree / name).mkdir()
        for other in "xyz":
            (tree / name / f"to-{other}").symlink_to(tree / other)
        (tree / name / f"{name}.png").write_bytes((tree / "a.png").read_bytes())
    assert sorted(set(ids(tree)) - set(found)) == ["x/x.png", "y/y.png", "z/z.png"]


def test_hidden_folders_are_passed_over_and_counted(tree):
    for name in (".ipynb_checkpoints", "__MACOSX", "@eaDir", ".Trashes"):
        (tree / "sub" / name).mkdir()
        (tree / "sub" / name / "copy.png").write_bytes(b"x")
    inputs = collect([tree])
    assert not any("copy" in item.image_id for item in inputs.items)
    assert inputs.ignored["hidden folders"] == 4


def test_a_glob_passes_over_what_a_folder_does(tree):
    for name in ("@eaDir", ".thumbs"):
        (tree / "sub" / name).mkdir()
        (tree / "sub" / name / "copy.png").write_bytes(b"x")
    inputs = collect([tree / "**" / "*.*"])
    assert [item.image_id for item in inputs.items] == ids(tree)
    assert inputs.ignored["hidden folders"] == 1
    # What a pattern names itself is wanted.
    assert ids(tree / "*" / "@eaDir" / "*.png") == ["sub/@eaDir/copy.png"]
    assert ids(tree / "*" / ".thumbs" / "*.png") == ["sub/.thumbs/copy.png"]


def test_a_link_to_a_parent_lists_no_picture_twice(tree):
    root = tree / "sub"
    (root / "up").symlink_to(tree)
    found = collect([root]).items
    assert len({os.path.realpath(item.path) for item in found}) == len(found)
    assert {"c.webp", "deep/d.tif", "up/a.png", "up/b.JPG"} == {item.image_id for item in found}


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8 exist on Linux only")
def test_a_glob_names_what_is_not_utf8(tree):
    Path(os.fsdecode(os.fsencode(tree) + b"/caf\xe9.png")).write_bytes(b"x")
    inputs = collect([tree / "*.png"])
    assert [item.image_id for item in inputs.items] == ["a.png"]
    assert "caf\\udce9.png': the name is not UTF-8" in inputs.unreadable[0]


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8 exist on Linux only")
def test_a_locale_that_lacks_the_letters_of_a_name_is_blamed_for_it(tree, monkeypatch):
    Path(os.fsdecode(os.fsencode(tree) + b"/caf\xe9.png")).write_bytes(b"x")
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    (said,) = collect([tree]).unreadable
    assert "reads names of files as ascii here" in said
    assert "PYTHONUTF8=1" in said


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8 exist on Linux only")
def test_a_name_that_is_not_utf8_is_named_and_the_others_are_kept(tree):
    before = ids(tree)
    Path(os.fsdecode(os.fsencode(tree) + b"/caf\xe9.jpg")).write_bytes(b"x")
    inputs = collect([tree])
    assert sorted(item.image_id for item in inputs.items) == sorted(before)
    (said,) = inputs.unreadable
    assert "caf\\udce9.jpg': the name is not UTF-8" in said
    assert said.encode()
