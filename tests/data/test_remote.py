"""Pictures at addresses: found as files are, fetched when their turn comes, and only when asked."""

from __future__ import annotations

import pickle
import sys

import fsspec
import pytest

from archives import files_of, write_zip
from folder_server import FolderServer
from memnet.data.pictures import collect
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.decode import PictureLimits, open_picture


@pytest.fixture
def files(make_pictures):
    return files_of(make_pictures(3))


@pytest.fixture
def bucket(files):
    """An object store with pictures below ``memory://bucket/posters``."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    for name, content in files.items():
        store.pipe(f"/bucket/posters/{name}", content)
    store.pipe("/bucket/posters/deep/x.PNG", next(iter(files.values())))
    store.pipe("/bucket/posters/.hidden.png", b"")
    store.pipe("/bucket/posters/notes.txt", b"")
    yield store
    store.store.clear()


def ids(*pictures, **options) -> list[str]:
    return [item.image_id for item in collect(pictures, **options).items]


def test_a_prefix_is_as_a_folder(bucket, files):
    inputs = collect(["memory://bucket/posters"])
    assert [item.image_id for item in inputs.items] == [*files, "deep/x.PNG"]
    assert inputs.items[0].path == "memory://bucket/posters/00000.png"
    assert inputs.ignored == {"hidden files": 1, ".txt": 1}
    assert [item.picture.read(10**6) for item in inputs.items][:3] == list(files.values())
    assert ids("memory://bucket/posters/") == [*files, "deep/x.PNG"]


def test_globs_and_single_files(bucket, files):
    assert ids("memory://bucket/posters/*.png") == list(files)
    assert ids("memory://bucket/**/*.PNG") == ["posters/deep/x.PNG"]
    assert ids("memory://bucket/posters/notes.txt") == ["notes.txt"]
    pattern = r"posters/(\d+)\.png"
    assert ids("memory://bucket/posters/0*.png", id_pattern=pattern) == ["00000", "00001", "00002"]
    (item, *_) = collect(["memory://bucket/posters/*.png"]).items
    assert item.path == "memory://bucket/posters/00000.png"
    assert item.picture.size == len(files["00000.png"])


def test_an_archive_elsewhere_can_be_looked_into(tmp_path, files):
    write_zip(tmp_path / "a.zip", {f"d/{name}": content for name, content in files.items()})
    inputs = collect([f"zip://d/*.png::file://{tmp_path}/a.zip"])
    assert [item.image_id for item in inputs.items] == list(files)
    assert inputs.items[0].path == f"zip://d/00000.png::file://{tmp_path}/a.zip"
    assert inputs.items[2].picture.read(10**6) == files["00002.png"]
    assert ids(f"zip://::file://{tmp_path}/a.zip") == [f"d/{name}" for name in files]
    assert ids(f"zip://**::file://{tmp_path}/a.zip") == [f"d/{name}" for name in files]
    for address in ("s3://bucket/a.zip", "s3://bucket/a.tar", "https://example.org/a.csv"):
        with pytest.raises(
            MemnetError, match=r"is no picture; tables, videos, and files with pictures"
        ):
            collect([address])


def test_what_is_not_there_is_refused_in_one_sentence(bucket):
    for address in ("memory://none", "memory://bucket/*.gif", "nonsense://a/b.jpg"):
        with pytest.raises(MemnetError) as refused:
            collect([address])
        assert address in str(refused.value)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "package"), [("s3://b/a.jpg", "s3fs"), ("gs://b/a.jpg", "gcsfs")]
)
def test_a_package_that_is_missing_is_named(address, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    fsspec.registry.pop(address.partition(":")[0], None) if hasattr(
        fsspec.registry, "pop"
    ) else None
    with pytest.raises(MemnetError, match=rf"; pip install {package}$"):
        collect([address])


def test_the_web_is_read_when_a_picture_s_turn_comes_and_once(tmp_path, make_pictures, files):
    with FolderServer(tmp_path / "pictures") as web:
        inputs = collect([f"{web.url}/00000.png", f"{web.url}/00001.png?size=full"])
        assert [item.image_id for item in inputs.items] == ["00000.png", "00001.png"]
        assert web.asked == []
        assert inputs.items[1].picture.read(10**6) == files["00001.png"]
        assert inputs.items[1].picture.read(10**6) == files["00001.png"]
        assert web.asked == ["/00001.png?size=full"]
        found = collect([f"{web.url}/*.png"]).items
        assert [item.image_id for item in found] == list(files)
        assert pickle.loads(pickle.dumps(found[2].picture)).read(10**6) == files["00002.png"]


def test_failures_of_the_web_are_sentences(tmp_path, make_pictures, files):
    with FolderServer(tmp_path / "pictures") as web:
        missing, broken, long = collect(
            [f"{web.url}/missing.png", f"{web.url}/broken.png", f"{web.url}/00000.png"]
        ).items
        with pytest.raises(PictureError, match="There is nothing that can be read at this address"):
            open_picture(missing.picture)
        with pytest.raises(PictureError, match=r"at this address \(500, "):
            open_picture(broken.picture)
        with pytest.raises(PictureError, match="more than the limit of 100"):
            open_picture(long.picture, limits=PictureLimits(max_bytes=100))
    with pytest.raises(PictureError, match=r"(at this address|read from http://) \(Cannot connect"):
        open_picture(long.picture)  # the server is gone


def test_a_table_is_followed_only_where_it_is_allowed(tmp_path, make_pictures, files):
    with FolderServer(tmp_path / "pictures") as web:
        table = tmp_path / "films.csv"
        table.write_text(f"film,poster\nA,{web.url}/00000.png\nB,pictures/00001.png\n")
        (item, _) = collect([table], path_column="poster").items
        with pytest.raises(PictureError, match=r"It is an address: `memnet score --allow"):
            open_picture(item.picture)
        assert web.asked == []
        one, two = collect([table], path_column="poster", addresses=True).items
        assert (one.image_id, one.path) == (f"{web.url}/00000.png",) * 2
        assert one.picture.read(10**6) == files["00000.png"]
        assert two.picture == str(tmp_path / "pictures" / "00001.png")


def test_an_address_that_cannot_be_read_costs_its_row_and_no_other(
    tmp_path, make_pictures, files, monkeypatch
):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    table = tmp_path / "films.csv"
    with FolderServer(tmp_path / "pictures") as web:
        table.write_text(
            f"image_id,path\n1,{web.url.replace('http', 'HTTP')}/00000.png\n2,s3://b/k.jpg\n"
            f"3,nonsense://k.jpg\n4,\n5,pictures/00001.png\n"
        )
        capital, bucket, nonsense, empty, local = collect([table], addresses=True).items
        assert capital.picture.read(10**6) == files["00000.png"]
        assert ids(f"{web.url.replace('http', 'HTTP')}/*.png") == list(files)
        (item, *_) = collect([table]).items  # not allowed: it is an address all the same
        with pytest.raises(PictureError, match="memnet score --allow-addresses"):
            open_picture(item.picture)
    for item, words in (
        (bucket, r"s3://b/k\.jpg cannot be read .*; pip install s3fs$"),
        (nonsense, r"nonsense://k\.jpg cannot be read"),
        (empty, "The table has no path here"),
    ):
        with pytest.raises(PictureError, match=words):
            open_picture(item.picture)
    open_picture(local.picture)
    table.write_text("path\ns3://b/k.jpg\ns3://b/l.jpg\n")  # said once, not for each row
    with pytest.raises(MemnetError, match=r"s3://b/k\.jpg cannot be read .*; pip install s3fs$"):
        collect([table], addresses=True)


def test_names_and_passwords_of_users_are_in_no_path_and_no_message(
    tmp_path, make_pictures, files, monkeypatch
):
    table = tmp_path / "films.csv"
    with FolderServer(tmp_path / "pictures") as web:
        secret = web.url.replace("http://", "http://user:se@cret@")
        inputs = collect([f"{secret}/00000.png?size=full", f"{secret}/missing.png"])
        assert inputs.items[0].path == f"{web.url}/00000.png?size=full"
        assert inputs.items[0].picture.read(10**6) == files["00000.png"]
        with pytest.raises(PictureError) as failed:
            open_picture(inputs.items[1].picture)
        assert "cret" not in str(failed.value)
        table.write_text(f"path\n{secret}/00001.png\n")
        for allowed in (True, False):
            (item,) = collect([table], addresses=allowed).items
            assert item.image_id == f"{web.url}/00001.png"
            assert "cret" not in item.path
    monkeypatch.setenv("MEMNET_OFFLINE", "1")
    for address in (f"{secret}/a.png", "sftp://user:se@cret@b/*.jpg", f"{secret}/a.zip"):
        with pytest.raises(MemnetError) as refused:
            collect([address])
        assert "cret" not in str(refused.value)


@pytest.mark.parametrize("name", ["p.zip", "t.csv", "v.mkv", "pictures.mat"])
def test_an_archive_on_this_machine_is_to_be_given_by_its_path(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(MemnetError, match=r"is on this machine: give its path, ") as refused:
        collect([path.as_uri()])
    assert str(refused.value).endswith(path.as_posix())


def test_offline_no_address_is_read_that_is_not_on_this_machine(bucket, monkeypatch):
    monkeypatch.setenv("MEMNET_OFFLINE", "1")
    assert len(ids("memory://bucket/posters")) == 4
    for address in ("https://example.org/a.jpg", "zip://*.jpg::s3://b/a.zip"):
        with pytest.raises(MemnetError, match="the network is forbidden"):
            collect([address])
