"""Every reader of files that people bring, with small files to start from: for the fuzzers.

A reader may return whatever it likes; all it may raise is a :class:`MemnetError` of one line.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import references
from archives import write_hdf5, write_parquet, write_tar, write_zip
from memnet.errors import MemnetError, PictureError

SAVED = references.GOLDEN / "saved"
MINI = references.GOLDEN / "mini"


@dataclass(frozen=True)
class Reader:
    """A reader of one kind of file.

    Attributes
    ----------
    name : the file's name, by which some readers know the kind.
    seeds : makes files that it reads.
    read : what is called with the path.
    alter : changes one value in a file that is well formed otherwise; None where bytes are all.
    refused : what is said of the seeds, where they are only the structure of a file.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    alter: Callable[[bytes, Random], bytes] | None = None
    refused: str = ""


def saved(*names: str) -> Callable[[], list[bytes]]:
    return lambda: [(SAVED / name).read_bytes() for name in names]


def read_table(path: Path) -> None:
    from memnet.data.numbers import to_numbers
    from memnet.data.score_tables import read_scores
    from memnet.data.tables import read_table_any

    table = read_table_any(path)
    for place in range(min(table.shape[1], 3)):
        try:
            to_numbers(table.iloc[:, place], "x")
        except MemnetError as error:
            one_line(error)
    read_scores(table, id_column=table.columns[0])


def tables() -> list[bytes]:
    texts = [
        'image_id,score\na.jpg,0.5\n"b, c.jpg",0.75\n',
        "sep=;\nimage_id;score;rt\na.jpg;0,5;1.071\nb.jpg;0,75;914\n",
        '"image_id" "score"\n"1" "a.jpg" 0.5\n"2" "b.jpg" 0.75\n',
        "# notes\nimage_id\tscore\na.jpg\t51 %\nb.jpg\t-999\nc.jpg\t0.5\n",
        'image_id,model,variant,score\na.jpg,m,,0.5\na.jpg,n,"x\ny",.5\n',
    ]
    return [*(text.encode() for text in texts), texts[1].encode("utf-16")]


def excel() -> list[bytes]:
    import pandas as pd

    stream = io.BytesIO()
    table = pd.DataFrame({"image_id": ["a.jpg", "b.jpg"], "score": [0.5, "1.071"]})
    table.to_excel(stream, index=False)
    return [stream.getvalue(), bare(stream.getvalue())]


def bare(workbook: bytes) -> bytes:
    """Take theme, styles and properties out of a workbook, which is then read faster."""
    beside = rb"theme|styles|docProps"
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            if not re.search(beside, name.encode()):
                links = rb"<(Override|Relationship) [^>]*(" + beside + rb")[^>]*/>"
                new.writestr(name, re.sub(links, b"", old.read(name)))
    return stream.getvalue()


def parquet() -> list[bytes]:
    import pandas as pd

    stream = io.BytesIO()
    table = pd.DataFrame({"image_id": ["a.jpg", "b.jpg"], "score": [0.5, 0.75]})
    table.set_index("image_id").to_parquet(stream)
    return [stream.getvalue()]


def read_manifest(path: Path) -> None:
    from memnet.data import manifest

    path.with_suffix("").write_bytes((SAVED / "mixture.csv").read_bytes())
    manifest.read_manifest(path.with_suffix(""))


def read_sidecar(path: Path) -> None:
    """As `memnet score` does, which goes on with the table, and so checks more than others."""
    from memnet.scoring.score_file import open_scores

    table = path.with_suffix("")
    if not table.exists():
        table.write_bytes(few_scores())
    with open_scores(table):
        pass


def few_scores() -> bytes:
    return b"".join((SAVED / "scores.csv").read_bytes().splitlines(keepends=True)[:3])


def read_score_table(path: Path) -> None:
    from memnet.scoring.table import read_rows

    read_rows(path)


def read_journal(path: Path) -> None:
    from memnet.scoring.score_file import open_scores

    table = path.with_suffix("")
    if not table.exists():
        table.write_bytes(few_scores())
        (path.parent / "scores.csv.json").write_bytes((SAVED / "scores.csv.json").read_bytes())
    with open_scores(table):
        pass


def journal() -> list[bytes]:
    row = {"image_id": "a.png", "path": "a.png", "model": "m", "variant": "", "score": 0.5}
    more = {"raw": 0.5, "n_crops": 1, "clamped": False, "width": 8, "height": 8, "mode": "RGB"}
    line = json.dumps({**row, **more, "warning": "", "file": "1 2"})
    return [f"{line}\n{line}\n".encode()]


def read_record(path: Path) -> None:
    from memnet.compare.record import RunRecord

    RunRecord.read(path)


def benchmark() -> list[bytes]:
    from benchmark_records import make_record

    return [make_record(3, 3).to_json().encode()]


def read_benchmark(path: Path) -> None:
    from memnet.studies.benchmark import page
    from memnet.studies.benchmark.record import BenchmarkRecord

    record = BenchmarkRecord.read(path)
    page.markdown(record)
    page.leaderboard(record)


def suite() -> list[bytes]:
    from memnet.studies.benchmark.suite import carried_suites

    return [carried_suites()["scenes375"].read_bytes()]


def read_suite(path: Path) -> None:
    from memnet.studies.benchmark import suite

    suite.read_suite(path)


def read_frozen(path: Path) -> None:
    from memnet.compare.frozen.file import FrozenScores

    FrozenScores.read(path)


def read_crosswalk(path: Path) -> None:
    from memnet.studies.migrate import crosswalk

    crosswalk.read_crosswalk(path)


def read_run(path: Path) -> None:
    from memnet.reimpl.training import run_folder

    run_folder.read_run(path.parent)


def read_weights(path: Path) -> None:
    from memnet.weights import files

    files.read_header(path)
    files.read_weights(path)


def weights() -> list[bytes]:
    return [(SAVED / "tiny.safetensors").read_bytes()]


def with_header(text: bytes) -> bytes:
    """A weight file whose own header is this JSON: the length stands before it."""
    return struct.pack("<Q", len(text)) + text


def alter_header(content: bytes, random: Random) -> bytes:
    """A weight file with one value changed in safetensors' header, or in memnet's within it."""
    length = int.from_bytes(content[:8], "little")
    text = content[8 : 8 + length]
    if random.random() < 0.7:
        header = json.loads(text)
        inner = header["__metadata__"]["memnet"]
        header["__metadata__"]["memnet"] = alter_json(inner.encode(), random).decode()
        text = json.dumps(header).encode()
    else:
        text = alter_json(text, random)
    return with_header(text) + content[8 + length :]


def read_checkpoint(path: Path) -> None:
    from memnet.legacy import checkpoint

    checkpoint.read_port_checkpoint(path)


def checkpoint() -> list[bytes]:
    import torch

    stream = io.BytesIO()
    torch.save({"module.fc8.bias": torch.zeros(1), "fc8.weight": torch.ones(1, 3)}, stream)
    return [stream.getvalue()]


def read_caffe(path: Path) -> None:
    from memnet.legacy.architecture import check_layers
    from memnet.legacy.caffe_files import read_binaryproto, read_caffemodel, read_prototxt

    if path.suffix == ".binaryproto":
        read_binaryproto(path)
    else:
        check_layers((read_caffemodel if path.suffix == ".caffemodel" else read_prototxt)(path))


def stripped(name: str) -> bytes:
    """A network's layers without their numbers: structure is what there is to break."""
    from memnet.legacy.caffe_schema import message_class

    net = message_class("NetParameter")()
    net.ParseFromString((MINI / name).read_bytes())
    for layer in [*net.layers, *net.layer]:
        for blob in layer.blobs:
            blob.data[:] = [b"\0\0\0\0"]
    return net.SerializeToString()


def read_picture(path: Path) -> None:
    from memnet.preprocess.decode import PictureLimits, decode

    limits = PictureLimits(max_pixels=1_000_000)
    for orientation in ("ignore", "apply"):
        decode(path.read_bytes(), exif_orientation=orientation, limits=limits)


def pictures() -> list[bytes]:
    """The formats in their modes, and TIFF in its compressions, each a few hundred bytes."""
    from PIL import Image

    made = []
    noise = Image.frombytes("RGB", (8, 6), bytes(range(144)))
    exif = Image.Exif()
    exif[0x0112] = 6
    for mode in ("RGB", "L", "1", "P", "RGBA", "LA", "I;16"):
        made.append((noise.convert("L").convert("I") if mode == "I;16" else noise, mode, "PNG", {}))
    for mode in ("RGB", "L", "CMYK"):
        made.append((noise, mode, "JPEG", {"exif": exif}))
    made += [(noise, "P", "GIF", {"save_all": True, "append_images": [noise.convert("P")] * 2})]
    made += [(noise, "RGB", "WEBP", {}), (noise, "RGBA", "WEBP", {}), (noise, "RGB", "BMP", {})]
    for packed in ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg"):
        made.append((noise, "RGB", "TIFF", {"compression": packed}))
    made += [(noise, "1", "TIFF", {"compression": name}) for name in ("group3", "group4")]
    contents = []
    for picture, mode, kind, options in made:
        stream = io.BytesIO()
        picture.convert(mode).save(stream, kind, **options)
        contents.append(stream.getvalue())
    return contents


def record() -> list[bytes]:
    """A comparison's record with one thing of each kind: the whole has 100,000 bytes."""
    values = json.loads((SAVED / "comparison" / "record.json").read_text(encoding="utf-8"))
    for name in ("results", "differences", "published"):
        values[name] = values[name][:1]
    for each in (values["plots"], values["labels"]["figures"]):
        for name in list(each)[1:]:
            del each[name]
    return [json.dumps(cut_lists(values)).encode()]


def cut_lists(values: object) -> object:
    if isinstance(values, dict):
        return {key: cut_lists(value) for key, value in values.items()}
    return [cut_lists(value) for value in values[:2]] if isinstance(values, list) else values


ODD_VALUES = (
    *(None, True, -1, 0, 1.5, 10**400, 1e308, float("nan"), float("inf")),
    *("", "x", "x" * 2_000, "1", "a\nb", "\x1b[2J", "\udcff", "/"),
    *([], [[]], [None], ["x"], [1.0, 2.0], {}, {"": 0}, {"x": {"x": []}}),
)
"""What a file of JSON does not hold where it stands."""


def alter_json(content: bytes, random: Random) -> bytes:
    """Replace one value by an odd one or by another of the same file, or take it away."""
    values, ways = json.loads(content), places_in(content)
    way = random.choice(ways)
    if not way:
        return json.dumps(random.choice(ODD_VALUES)).encode()
    how = random.choice(("odd", "odd", "odd", "other", "gone"))
    parent = at(values, way[:-1])
    if how == "gone":
        del parent[way[-1]]
    else:
        other = random.choice(ways)
        within = way[: len(other)] == other  # JSON holds no value that is a part of itself
        odd = how == "odd" or within
        parent[way[-1]] = random.choice(ODD_VALUES) if odd else at(values, other)
    return json.dumps(values).encode()


@lru_cache(maxsize=1_000)  # fuzzers come back to the same files
def places_in(content: bytes) -> list[tuple]:
    return places(json.loads(content))


def places(values: object, way: tuple = ()) -> list[tuple]:
    """The way to each value of a JSON document."""
    found = [way]
    if isinstance(values, dict):
        for key in values:
            found += places(values[key], (*way, key))
    elif isinstance(values, list):
        for number in range(min(len(values), 3)):
            found += places(values[number], (*way, number))
    return found


def at(values: object, way: tuple) -> object:
    for key in way:
        values = values[key]
    return values


def read_container(path: Path) -> None:
    from memnet.data.pictures import collect

    for item in collect([path]).items:
        try:
            item.picture.read(10**6)
        except MemnetError as error:
            one_line(error)


def container(write: Callable[..., Path], name: str, **options: object) -> Callable:
    def made() -> list[bytes]:
        files = {f"{number}.png": content for number, content in enumerate(pictures()[:2])}
        with TemporaryDirectory() as folder:
            return [write(Path(folder, name), files, **options).read_bytes()]

    return made


READERS = {
    "zip": Reader("p.zip", container(write_zip, "p.zip"), read_container),
    "tar": Reader("p.tar", container(write_tar, "p.tar"), read_container),
    "pictures in parquet": Reader(
        "p.parquet", container(write_parquet, "p.parquet", label=[1, 2]), read_container
    ),
    "hdf5": Reader("p.h5", container(write_hdf5, "p.h5"), read_container),
    "table": Reader("t.csv", tables, read_table),
    "excel": Reader("t.xlsx", excel, read_table),
    "parquet": Reader("t.parquet", parquet, read_table),
    "scores": Reader("s.csv", saved("scores.csv"), read_score_table),
    "manifest": Reader("t.csv.json", saved("mixture.csv.json"), read_manifest, alter=alter_json),
    "sidecar": Reader("scores.csv.json", saved("scores.csv.json"), read_sidecar, alter=alter_json),
    "journal": Reader("scores.csv.partial", journal, read_journal),
    "record": Reader("record.json", record, read_record, alter=alter_json),
    "benchmark": Reader("benchmark.json", benchmark, read_benchmark, alter=alter_json),
    "suite": Reader("suite.toml", suite, read_suite),
    "frozen": Reader("frozen.json", saved("frozen.json"), read_frozen, alter=alter_json),
    "crosswalk": Reader(
        "crosswalk.json", saved("migration/crosswalk.json"), read_crosswalk, alter=alter_json
    ),
    "run": Reader("run.json", saved("run/run.json"), read_run, alter=alter_json),
    "weights": Reader("w.safetensors", weights, read_weights, alter=alter_header),
    "checkpoint": Reader(
        "w.pth", checkpoint, read_checkpoint, refused="nothing in the file for conv1.weight"
    ),
    "caffemodel": Reader(
        "w.caffemodel",
        lambda: [stripped("mini_v1.caffemodel"), stripped("mini_v2.caffemodel")],
        read_caffe,
        refused="holds 4 bytes",
    ),
    "prototxt": Reader("w.prototxt", lambda: [(MINI / "deploy.prototxt").read_bytes()], read_caffe),
    "binaryproto": Reader(
        "w.binaryproto",
        lambda: [(references.GOLDEN / "mean" / "synthetic_mean.binaryproto").read_bytes()[:4000]],
        read_caffe,
        refused="needs 786,432 bytes",
    ),
    "picture": Reader("p.img", pictures, read_picture),
}


def one_line(error: Exception) -> None:
    """Fail where a sentence is none, or of a length that nobody reads."""
    assert "\n" not in str(error), repr(str(error))[:1_000]
    assert 0 < len(str(error)) < 3_000, f"{len(str(error))} letters: {str(error)[:500]!r}"


def try_to_read(reader: Reader, folder: Path, content: bytes) -> str:
    """Read one file; returns what is said of it, "" where it was read. Other errors are raised."""
    path = folder / reader.name
    path.write_bytes(content)
    try:
        reader.read(path)
    except (MemnetError, PictureError) as error:
        one_line(error)
        return str(error)
    return ""
