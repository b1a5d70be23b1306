"""Zip and tar files of pictures: what is in them is found and read, and nothing else."""

from __future__ import annotations

import io
import os
import pickle
import re
import shutil
import stat
import struct
import subprocess
import tarfile
import tracemalloc
import zipfile

import pytest

from archives import files_of, write_tar, write_zip
from memnet.data.pictures import collect
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.decode import PictureLimits, decode, file_bytes, open_picture

KINDS = {"zip": write_zip, "tar": write_tar}


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture
def write(kind, tmp_path):
    """Return a function that packs files into an archive of the kind at hand."""

    def write(files, name="pictures"):
        return KINDS[kind](tmp_path / f"{name}.{kind}", files)

    return write


def names(*pictures, **options) -> list[str]:
    return [item.image_id for item in collect(list(map(str, pictures)), **options).items]


def test_pictures_are_those_of_the_folder_to_the_last_bit(write, make_pictures, kind):
    folder = make_pictures(5)
    archive = write(files_of(folder))
    inside, outside = collect([archive]).items, collect([folder]).items
    assert [item.image_id for item in inside] == [
        f"pictures.{kind}/{item.image_id}" for item in outside
    ]
    assert [item.path for item in inside] == [f"{archive}/{item.image_id}" for item in outside]
    for one, other in zip(inside, outside, strict=True):
        pictures = [decode(item.picture, exif_orientation="ignore").rgb for item in (one, other)]
        assert pictures[0].tobytes() == pictures[1].tobytes()
        assert file_bytes(one.picture) == file_bytes(other.picture)


def test_what_is_no_picture_is_counted_as_in_a_folder(write, make_pictures, kind):
    picture = next(iter(files_of(make_pictures(1)).values()))
    files = {
        "./a/1.PNG": picture,
        "__MACOSX/a/._1.png": b"",
        "__MACOSX/b.png": picture,
        "a/.thumbs/x.png": picture,
        ".hidden.png": picture,
        "a/1.json": b"{}",
        "README": b"",
        "inner.zip": b"",
        "film.mp4": b"",
    }
    inputs = collect([write(files)])
    assert [item.image_id for item in inputs.items] == [f"pictures.{kind}/a/1.PNG"]
    others = {"hidden folders": 2, "hidden files": 1, ".json": 1, "no ending": 1, ".zip": 1}
    assert inputs.ignored == others | {".mp4": 1}
    twice = collect([write(files), write(files)])
    assert (len(twice.items), twice.ignored) == (1, inputs.ignored)


def test_the_order_is_that_of_the_archive(write, make_pictures, kind):
    files = files_of(make_pictures(3))
    archive = write(dict(reversed(files.items())))
    assert names(archive) == [f"pictures.{kind}/{name}" for name in reversed(files)]


def test_archives_are_opened_where_they_are_meant_and_nowhere_else(write, make_pictures, kind):
    folder = make_pictures(2)
    files = files_of(folder)
    for shard in ("s/1", "s/2"):
        (folder.parent / "s").mkdir(exist_ok=True)
        write(files, shard)
    tree = folder.parent
    assert names(tree / "s" / f"*.{kind}") == [
        f"{n}.{kind}/{name}" for n in (1, 2) for name in files
    ]
    assert names(tree / "*" / "*") == [f"pictures/{name}" for name in files]
    (tree / "s" / f"1.{kind}").rename(folder / f"1.{kind}")
    inputs = collect([folder])
    assert (len(inputs.items), inputs.ignored) == (2, {f".{kind}": 1})
    with pytest.raises(MemnetError, match=rf"holds no pictures \(only 1 x \.{kind}\).*glob that"):
        collect([tree / "s"])


def test_ids_can_be_made_of_the_paths_in_an_archive(write, make_pictures, kind):
    files = files_of(make_pictures(2))
    assert names(write(files), id_pattern=rf"pictures\.{kind}/(.*)") == list(files)


def test_a_name_that_is_there_twice_is_refused(write, kind, tmp_path, make_pictures):
    archive = write(files_of(make_pictures(1)))
    content = archive.read_bytes()
    if kind == "zip":
        with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(archive, "a") as more:
            more.writestr("00000.png", b"other")
    else:
        with tarfile.open(archive, "a") as more:
            more.addfile(tarfile.TarInfo("./00000.png"))
    assert archive.read_bytes() != content
    with pytest.raises(MemnetError, match=r"has two pictures called 00000\.png"):
        collect([archive])


def test_names_that_lead_out_of_an_archive_are_named_and_not_scored(write, make_pictures, kind):
    picture = next(iter(files_of(make_pictures(1)).values()))
    inputs = collect([write({"../../x.png": picture, "/abs.png": picture})])
    assert [item.image_id for item in inputs.items] == [f"pictures.{kind}/abs.png"]
    assert "'../../x.png' leads out of it" in inputs.unreadable[0]


def test_members_can_be_pickled_and_read_in_another_process(write, make_pictures):
    for item in collect([write(files_of(make_pictures(2)))]).items:
        copy = pickle.loads(pickle.dumps(item.picture))
        assert copy.read(10**6) == item.picture.read(10**6)
        assert len(pickle.dumps(item.picture)) < 1000  # not the archive's directory


def test_an_archive_that_changes_meanwhile_fails_its_pictures(write, make_pictures):
    """Else a picture would get the score of another that now lies at its place."""
    folder = make_pictures(3)
    archive = write(files_of(folder))
    items = collect([archive]).items
    items[0].picture.read(10**6)
    write(dict(list(files_of(folder).items())[1:]))
    for item in items:
        with pytest.raises(PictureError, match="changed while its pictures were being scored"):
            open_picture(item.picture)


def test_a_picture_too_long_is_refused_before_it_is_unpacked(write, kind):
    """A zip bomb: 200 MB of zeros in 200 kB."""
    archive = write({"bomb.png": bytes(200_000_000)})
    (item,) = collect([archive]).items
    tracemalloc.start()
    with pytest.raises(PictureError, match=r"has 200,000,000 bytes, more than the limit"):
        open_picture(item.picture, limits=PictureLimits(max_bytes=1_000_000))
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_zip_whose_directory_lies_unpacks_no_more_than_it_says(tmp_path):
    archive = write_zip(tmp_path / "a.zip", {"bomb.png": bytes(50_000_000)})
    content = archive.read_bytes()
    assert content.count(struct.pack("<I", 50_000_000)) == 2
    archive.write_bytes(content.replace(struct.pack("<I", 50_000_000), struct.pack("<I", 100)))
    (item,) = collect([archive]).items
    tracemalloc.start()
    with pytest.raises(PictureError, match="cannot be read from"):
        open_picture(item.picture)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_damaged_member_fails_and_the_others_are_read(write, make_pictures, kind):
    archive = write(files_of(make_pictures(3, size=(60, 60))))
    content = bytearray(archive.read_bytes())
    middle = len(content) // 2
    content[middle - 50 : middle + 50] = bytes(100)
    archive.write_bytes(content)
    items = collect([archive]).items
    for item in (items[0], items[2]):
        open_picture(item.picture)
    with pytest.raises(PictureError):
        decode(items[1].picture, exif_orientation="ignore")


def test_of_a_tar_that_breaks_off_the_whole_pictures_are_kept(tmp_path, make_pictures):
    files = files_of(make_pictures(3))
    archive = write_tar(tmp_path / "a.tar", files)
    with tarfile.open(archive) as whole:
        last = whole.getmembers()[2]
    content = archive.read_bytes()
    archive.write_bytes(content[: last.offset_data + 10])
    inputs = collect([archive])
    assert len(inputs.items) == 3
    assert "a.tar breaks off, or is damaged, behind 00002.png" in inputs.unreadable[0]
    assert [len(item.picture.read(10**6)) for item in inputs.items[:2]] == [
        len(content) for content in list(files.values())[:2]
    ]
    with pytest.raises(PictureError, match="breaks off in it"):
        inputs.items[2].picture.read(10**6)
    archive.write_bytes(content[: last.offset])  # at the end of a picture
    inputs = collect([archive])
    assert (len(inputs.items), len(inputs.unreadable)) == (2, 0)
    assert "lacks the empty block that ends a tar file" in inputs.notes[0]


def test_of_a_tar_that_is_damaged_in_the_middle_that_is_said(tmp_path, make_pictures):
    """Python's reader takes what it cannot read for the end, in silence."""
    archive = write_tar(tmp_path / "a.tar", files_of(make_pictures(3)))
    with tarfile.open(archive) as whole:
        second = whole.getmembers()[1].offset
    content = bytearray(archive.read_bytes())
    content[second : second + 300] = b"\x55" * 300
    archive.write_bytes(content)
    inputs = collect([archive])
    assert len(inputs.items) == 1
    assert f"is damaged at byte {second:,}" in inputs.unreadable[0]


def add_to_tar(path, name, kind, linkname="") -> None:
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, linkname
        archive.addfile(info)


def contents_of(archive) -> dict[str, bytes]:
    return {
        item.image_id.partition("/")[2]: item.picture.read(10**6)
        for item in collect([archive]).items
    }


def test_a_link_to_a_file_of_the_same_tar_is_that_file(tmp_path):
    """Symbolic links lead on from their folder (POSIX), hard ones name a member."""
    archive = write_tar(tmp_path / "a.tar", {"x/a.jpg": b"A", "x/blob": b"blob", ".s/h.jpg": b"H"})
    for name, kind, target in (
        ("hard.jpg", tarfile.LNKTYPE, "./x/a.jpg"),
        ("x/near.jpg", tarfile.SYMTYPE, "a.jpg"),
        ("y/up.jpg", tarfile.SYMTYPE, "../x/a.jpg"),
        ("chain.jpg", tarfile.SYMTYPE, "y/up.jpg"),
        ("early.jpg", tarfile.SYMTYPE, "late.jpg"),
        ("x/named.jpg", tarfile.SYMTYPE, "./blob"),
        ("seen.jpg", tarfile.LNKTYPE, ".s/h.jpg"),
        ("late.jpg", tarfile.LNKTYPE, "x/a.jpg"),
    ):
        add_to_tar(archive, name, kind, target)
    assert contents_of(archive) == {
        "x/a.jpg": b"A",
        "hard.jpg": b"A",
        "x/near.jpg": b"A",
        "y/up.jpg": b"A",
        "chain.jpg": b"A",
        "early.jpg": b"A",
        "x/named.jpg": b"blob",
        "seen.jpg": b"H",
        "late.jpg": b"A",
    }
    assert list(contents_of(archive))[2] == "x/near.jpg"  # the order is that of the archive


def test_links_to_what_is_not_in_a_tar_are_counted(tmp_path):
    archive = write_tar(tmp_path / "a.tar", {"a.jpg": b"A"})
    for name, target in (
        ("out.jpg", "../a.jpg"),
        ("absolute.jpg", "/a.jpg"),
        ("gone.jpg", "b.jpg"),
        ("round.jpg", "about.jpg"),
        ("about.jpg", "round.jpg"),
        ("self.jpg", "self.jpg"),
    ):
        add_to_tar(archive, name, tarfile.SYMTYPE, target)
    inputs = collect([archive])
    assert [item.image_id for item in inputs.items] == ["a.tar/a.jpg"]
    assert inputs.ignored == {"links to what is not in the archive": 6}


def test_a_file_that_tar_was_given_twice_is_one(tmp_path):
    """GNU tar writes the second as a hard link to itself."""
    archive = write_tar(tmp_path / "a.tar", {"a.jpg": b"A"})
    add_to_tar(archive, "a.jpg", tarfile.LNKTYPE, "a.jpg")
    inputs = collect([archive])
    assert (len(inputs.items), inputs.ignored) == (1, {})


def test_the_path_of_a_picture_in_an_archive_says_to_give_the_archive(
    write, make_pictures, tmp_path
):
    """As the column `path` of a table has them."""
    archive = write(files_of(make_pictures(1)))
    inside = f"{archive}/00000.png"
    said = re.escape(f"It leads into {archive}, which is a file and no folder: give that")
    for given in (inside, f"{archive}/faces", f"{archive}/*.png", f"{archive}/**/*"):
        with pytest.raises(MemnetError, match=said):
            collect([given])
    table = tmp_path / "t.csv"
    table.write_text(f"path\n{inside}\n")
    (item,) = collect([table]).items
    with pytest.raises(PictureError, match=said):
        open_picture(item.picture)


def test_what_gnu_tar_itself_writes_is_read(tmp_path, make_pictures):
    """Hard links after `cp -l`, a sparse file, a pipe, a folder."""
    if not shutil.which("tar") or "GNU" not in run("tar", "--version"):
        pytest.skip("no GNU tar")
    folder = make_pictures(1)
    first = folder / "00000.png"
    os.link(first, folder / "b.png")
    (folder / "c.png").symlink_to("00000.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    with (folder / "sparse.png").open("wb") as file:
        file.truncate(10**6)
    archive = tmp_path / "a.tar"
    run("tar", "--sparse", "-cf", archive, "-C", folder, ".")
    inputs = collect([archive])
    assert sorted(item.image_id for item in inputs.items) == [
        f"a.tar/{name}.png" for name in ("00000", "b", "c")
    ]
    assert {item.picture.read(10**6) for item in inputs.items} == {first.read_bytes()}
    assert inputs.ignored == {"pipes and devices": 1}
    assert len(inputs.unreadable) == 1
    assert "a.tar: sparse.png is stored as a sparse file" in inputs.unreadable[0]


def run(*words) -> str:
    done = subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True)
    return done.stdout


def test_links_in_a_zip_lead_to_its_files_too(tmp_path):
    archive = write_zip(tmp_path / "a.zip", {"x/a.jpg": b"A"})
    with zipfile.ZipFile(archive, "a") as more:
        for name, kind, content in (
            ("x/b.jpg", stat.S_IFLNK, b"a.jpg"),
            ("out.jpg", stat.S_IFLNK, b"../a.jpg"),
            ("folder.jpg", stat.S_IFDIR, b""),
            ("pipe.jpg", stat.S_IFIFO, b""),
        ):
            info = zipfile.ZipInfo(name)
            info.external_attr = kind << 16
            more.writestr(info, content)
    assert contents_of(archive) == {"x/a.jpg": b"A", "x/b.jpg": b"A"}
    ignored = {"links to what is not in the archive": 1, "pipes and devices": 1}
    assert collect([archive]).ignored == ignored


def test_a_name_that_goes_up_and_stays_inside_is_that_of_what_it_names(write, kind):
    assert names(write({"a/../b.jpg": b"B"})) == [f"pictures.{kind}/b.jpg"]


@pytest.mark.parametrize("content", [b"", b"no archive at all" * 100, b"PK\x03\x04" + bytes(600)])
def test_what_is_no_archive_is_refused_in_one_sentence(content, kind, tmp_path, make_pictures):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(content)
    words = rf"a\.{kind} (is no {kind} file|holds no pictures)"
    with pytest.raises(MemnetError, match=words) as no:
        collect([path])
    assert "\n" not in str(no.value)
    inputs = collect([path, make_pictures(1)])
    assert len(inputs.items) == 1  # a folder of pictures beside it is scored


@pytest.mark.parametrize("name", ["a.tar.gz", "A.TGZ", "a.tar.xz", "a.7z"])
def test_compressed_tars_are_refused_with_what_to_do(name, tmp_path, make_pictures):
    write_tar(tmp_path / name, files_of(make_pictures(1)), "w:gz")
    with pytest.raises(MemnetError, match=r"compressed as a whole.*unpack it and give the folder"):
        collect([tmp_path / name])


@pytest.mark.parametrize("how", ["gzip", "bzip2", "xz"])
def test_a_compressed_tar_called_tar_says_what_it_is(tmp_path, make_pictures, how):
    """As for x.tar.gz: copying it again would not help."""
    mode = {"gzip": "w:gz", "bzip2": "w:bz2", "xz": "w:xz"}[how]
    write_tar(tmp_path / "a.tar", files_of(make_pictures(1)), mode)
    with pytest.raises(MemnetError, match=rf"a\.tar is compressed as a whole \({how}\).*unpack it"):
        collect([tmp_path / "a.tar"])


def test_an_encrypted_picture_says_so(tmp_path, make_pictures):
    archive = write_zip(tmp_path / "a.zip", files_of(make_pictures(1)))
    content = bytearray(archive.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[6] |= 1
    content[directory + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(PictureError, match="It is encrypted; unpack"):
        open_picture(collect([archive]).items[0].picture)


def test_names_in_utf8_that_do_not_say_so_are_read_as_they_were_written(tmp_path, make_pictures):
    """As macOS writes them: without the flag, which Python takes for the letters of DOS."""
    archive = write_zip(tmp_path / "a.zip", {"ö.png": b"1"})
    content = bytearray(archive.read_bytes())
    directory = content.index(b"PK\x01\x02")
    assert content[7] & 8
    content[7] &= ~8
    content[directory + 9] &= ~8
    archive.write_bytes(content)
    assert names(archive) == ["a.zip/ö.png"]
    assert collect([archive]).items[0].picture.read(10) == b"1"


def test_an_archive_without_pictures_is_refused(write, kind):
    with pytest.raises(MemnetError, match=r"no pictures \(only 1 x \.txt\); looked for \.jpg"):
        collect([write({"a.txt": b""})])
    with pytest.raises(MemnetError, match=r"holds no pictures \(it is empty\)"):
        collect([write({}, "empty")])


def test_a_tar_of_many_pictures_takes_little_memory(tmp_path):
    """Python's own list of a tar takes 2 kB for each."""
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for number in range(3000):
            info = tarfile.TarInfo(f"{number:06d}.jpg")
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
    tracemalloc.start()
    inputs = collect([path])
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(inputs.items) == 3000
    assert size / 3000 < 1200
