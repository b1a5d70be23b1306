"""Models that somebody else brings: a function, a registered network, another package."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

import memnet
from memnet.errors import MemnetError
from memnet.scoring import engine, plugins
from memnet.scoring.functions import AS_IT_IS
from memnet.scoring.table import COLUMNS, read_table, write_table
from memnet.util.resources import packaged_toml
from memnet.weights import catalogue
from memnet.weights.files import read_header, save_weights
from memnet.weights.networks import network_class, register_network
from tiny import OUTPUT, SPEC, register, write_tiny


def brightness(pictures):
    """Mean grey level of each picture, 0 to 1."""
    return [np.asarray(picture).mean() / 255 for picture in pictures]


class Weighted(nn.Module):
    """Weighted mean of the three planes; its weights are all it has."""

    def __init__(self, planes: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(1.0, planes + 1))

    @classmethod
    def shaped_like(cls, tensors):
        return cls(len(tensors["weight"]))

    def forward(self, crops):
        return crops.mean(dim=(2, 3)) @ self.weight


# A function.


def test_a_function_of_pictures_gives_the_same_table_as_any_model(make_pictures):
    paths = sorted(make_pictures(5).iterdir())
    model = memnet.Predictor.from_function("bright.v1", brightness)
    table = model.score([*paths, b"no picture"], batch_size=2)
    assert list(table.columns) == list(COLUMNS)
    expected = [np.asarray(memnet_open(path)).mean() / 255 for path in paths]
    assert table.score[:5].tolist() == expected
    assert table.raw[:5].tolist() == expected
    assert table.model.eq("bright.v1").all()
    assert table.n_crops[:5].tolist() == [1] * 5
    assert table.width[:5].tolist() == [24] * 5
    assert table.warning[5].startswith("failed: ")


def test_whole_pictures_are_held_up_to_a_number_of_pixels(tmp_path, monkeypatch):
    """Else a batch of the largest pictures would take 600 MB for each of them."""
    monkeypatch.setattr(engine, "_HELD_BYTES", 3 * 250)
    sides = [10, 10, 10, 20, 10, 5, 5, 5, 5, 5]
    for number, side in enumerate(sides):
        Image.new("RGB", (side, side), (number, 0, 0)).save(tmp_path / f"{number}.png")
    paths = [str(tmp_path / f"{number}.png") for number in range(len(sides))]
    together = []

    def function(pictures):
        together.append([picture.width for picture in pictures])
        return [picture.getpixel((0, 0))[0] for picture in pictures]

    model = memnet.Predictor.from_function("mine.v1", function)
    table = model.score([*paths[:5], b"no picture", *paths[5:]], batch_size=5)
    assert together == [[10, 10], [10], [20], [10, 5, 5, 5], [5, 5]]
    assert table.score.dropna().tolist() == list(range(10))
    assert table.warning[5].startswith("failed: ")


def memnet_open(path: Path):
    return Image.open(path).convert("RGB")


def test_a_function_of_crops_scores_as_the_network_itself(tiny, make_pictures):
    paths = sorted(make_pictures(5).iterdir())
    shapes = []

    def function(crops):
        shapes.append((tuple(crops.shape), crops.dtype))
        return tiny.network(crops).numpy()

    output = dataclasses.replace(OUTPUT, multiply=2.0, clamp="0-1")
    model = memnet.Predictor.from_function("mine.v1", function, preprocess=SPEC, output=output)
    table, reference = model.score(paths, batch_size=5), tiny.score(paths, batch_size=5)
    assert table.raw.tolist() == reference.raw.tolist()
    assert table.score.tolist() == (reference.raw * 2).clip(0, 1).tolist()
    assert shapes == [((10, 3, 11, 11), torch.float32)]


@pytest.mark.parametrize(
    "function", [lambda _: [0.5], lambda _: None, lambda _: "abc", lambda x: np.ones((len(x), 2))]
)
def test_a_function_that_gives_something_else_is_told_in_a_sentence(function, make_pictures):
    paths = sorted(make_pictures(3).iterdir())
    model = memnet.Predictor.from_function("mine.v1", function)
    with pytest.raises(MemnetError, match=r"mine\.v1 must return one number for each of its 3"):
        model.score(paths)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("clamp", ["none", "0-1", "0-1-per-crop"])
def test_a_number_that_is_none_fails_its_picture_and_no_other(bad, clamp, make_pictures):
    paths = sorted(make_pictures(4).iterdir())
    output = dataclasses.replace(AS_IT_IS, clamp=clamp)
    model = memnet.Predictor.from_function(
        "mine.v1", lambda pictures: [0.25, bad, 1.5, 0.75], output=output
    )
    table = model.score(paths)
    assert table.score.isna().tolist() == [False, True, False, False]
    assert table.clamped.isna().tolist() == [False, True, False, False]
    assert table.clamped[2] == (clamp != "none")
    assert table.warning[1] == f"failed: The model gave {bad}, no finite number."
    assert table.score[[0, 3]].tolist() == [0.25, 0.75]
    _, _, clamped = output.apply(torch.tensor([[np.nan], [1.5]]))
    assert clamped.tolist() == [False, clamp != "none"]


@pytest.mark.parametrize("name", ["", "a:b"])
def test_a_name_that_could_be_another_thing_is_refused(name):
    with pytest.raises(MemnetError, match="is no name of a model"):
        memnet.Predictor.from_function(name, brightness)


def test_targets_are_those_that_people_are_measured_by():
    model = memnet.Predictor.from_function("a.b", brightness)
    assert model.target == "hit_rate"
    assert model.header.trained_on is None  # who says nothing claims nothing
    model = memnet.Predictor.from_function("a.b", brightness, target="d_prime")
    assert model.target == model.identity()["target"] == "d_prime"
    with pytest.raises(MemnetError, match="Did you mean 'hit_rate'"):
        memnet.Predictor.from_function("a.b", brightness, target="hit_rates")


def test_a_function_that_raises_is_named(make_pictures):
    def for_one_picture(picture):
        return picture.width

    model = memnet.Predictor.from_function("mine.v1", for_one_picture)
    with pytest.raises(memnet.MemnetError, match=r"mine\.v1 failed .*'width'\)\. It gets"):
        model.score(sorted(make_pictures(2).iterdir()))


def test_a_function_has_an_identity_without_checksums():
    model = memnet.Predictor.from_function("a.b", brightness, trained_on=["lamem"])
    identity = model.identity()
    assert (identity["arch"], identity["weights_sha256"], identity["tensors_sha256"]) == (
        "function",
        "",
        "",
    )
    assert identity["trained_on"] == ["lamem"]
    assert "target" not in identity  # as in every sidecar from before there were others
    json.dumps(identity, allow_nan=False)


@pytest.mark.parametrize(
    ("trained_on", "verdict"), [(("lamem",), "contaminated"), ((), "clean"), (None, "unknown")]
)
def test_a_comparison_knows_what_a_functions_scores_were_trained_on(
    make_pictures, tmp_path, trained_on, verdict
):
    paths = sorted(make_pictures(12).iterdir())
    model = memnet.Predictor.from_function("bright.v1", brightness, trained_on=trained_on)
    table = model.score(paths)
    truth = pd.DataFrame({"image_id": table.image_id, "hit_rate": np.linspace(0.3, 0.9, 12)})
    options = {"truth_column": "hit_rate", "dataset": "lamem"}
    record = memnet.compare(truth, [table], **options)
    assert {result.contamination for result in record.results} == {verdict}
    for name in ("scores.csv", "scores.xlsx", "scores.xlsx#table"):
        out = tmp_path / name
        if "#" not in name:  # a sheet's name, with which a file is read
            write_table(table, out)  # a table in a file keeps it, too
            assert read_table(out).score.tolist() == table.score.tolist()
        found = memnet.compare(truth, [out], **options, resamples=2)
        assert {result.contamination for result in found.results} == {verdict}
        assert found.models[0]["known_by"] == "sidecar"
        assert found.value("mse") == record.value("mse")


# A network.


def test_a_registered_network_is_saved_loaded_and_scores(tmp_path, make_pictures):
    register_network("weighted", Weighted)
    register_network("weighted", Weighted)  # the same again is no clash
    path = tmp_path / "w.safetensors"
    header = save_weights(
        path,
        Weighted(),
        arch="weighted",
        preprocess=SPEC,
        output=OUTPUT,
        trained_on=["memcat"],
        target="false_alarm_rate",
    )
    assert header == read_header(path)
    assert (header.name, header.trained_on) == ("weighted.w", ("memcat",))
    model = memnet.load(path, device="cpu")
    assert model.target == "false_alarm_rate"
    picture = sorted(make_pictures(1).iterdir())[0]
    expected = Weighted()(SPEC.apply(picture)).mean().item()
    assert model.score(picture).score[0] == pytest.approx(expected, abs=1e-6)


def test_a_second_network_of_the_same_name_is_refused():
    class Other(nn.Module):
        pass

    register_network("weighted", Weighted)
    with pytest.raises(MemnetError, match=r"'weighted' is .*Weighted already, so .*Other needs"):
        register_network("weighted", Other)
    with pytest.raises(MemnetError, match="resmem:ResMem already"):
        register_network("resmem", Other)
    assert network_class("weighted") is Weighted


def test_a_network_that_cannot_be_built_or_gives_another_number_of_outputs_is_named(
    tmp_path, make_pictures
):
    class Sized(nn.Module):
        def __init__(self, size):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(size))

    class Rows(nn.Module):
        def forward(self, crops):
            return crops.mean(dim=(2, 3))  # (N, 3)

    options = {"preprocess": SPEC, "output": OUTPUT, "trained_on": ()}
    register_network("sized", Sized)
    save_weights(tmp_path / "s.safetensors", Sized(3), arch="sized", **options)
    with pytest.raises(MemnetError, match=r"Sized of s\.safetensors cannot be built without arg"):
        memnet.load(tmp_path / "s.safetensors", device="cpu")
    register_network("rows", Rows)
    save_weights(tmp_path / "r.safetensors", Rows(), arch="rows", **options)
    model = memnet.load(tmp_path / "r.safetensors", device="cpu")
    with pytest.raises(MemnetError, match=r"must map \d+ crops to \d+ numbers; it returned"):
        model.score(sorted(make_pictures(1).iterdir())[0])
    register_network("gone", "memnet.reimpl.resmem:Gone")
    with pytest.raises(MemnetError, match=r"'memnet\.reimpl\.resmem:Gone' .* cannot be imported"):
        network_class("gone")


def test_a_file_of_an_unknown_architecture_says_how_to_register_it(tmp_path):
    path = write_tiny(tmp_path / "w.safetensors", arch="nobodys")
    with pytest.raises(MemnetError, match=r"no architecture 'nobodys'.*register_network"):
        memnet.load(path)


def test_a_header_without_a_target_is_of_the_hit_rate(tmp_path):
    path = write_tiny(tmp_path / "w.safetensors")
    header = read_header(path)
    assert header.target == "hit_rate"
    assert "target" not in json.loads(header.to_json())
    with pytest.raises(MemnetError, match="no target 'fame'"):
        read_header(write_tiny(path, target="fame"))


def test_saving_checks_the_mean_image_and_the_ending(tmp_path):
    register_network("weighted", Weighted)
    options = {"arch": "weighted", "preprocess": SPEC, "output": OUTPUT, "trained_on": ()}
    with pytest.raises(MemnetError, match=r"must end in \.safetensors"):
        save_weights(tmp_path / "w.pt", Weighted(), **options)
    mean = np.zeros((16, 16, 3), np.float32)
    with pytest.raises(MemnetError, match="not the mean image"):
        save_weights(tmp_path / "w.safetensors", Weighted(), mean_image=mean, **options)


def test_saving_under_a_name_that_nobody_registered_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(MemnetError, match=r"'nobodys'.*memnet\.register_network\('nobodys', CLASS"):
        save_weights(
            path, Weighted(), arch="nobodys", preprocess=SPEC, output=OUTPUT, trained_on=()
        )
    assert not path.exists()


def test_a_file_that_is_there_is_replaced_only_where_that_is_said(tmp_path):
    register_network("weighted", Weighted)
    path = tmp_path / "w.safetensors"
    options = {"arch": "weighted", "preprocess": SPEC, "output": OUTPUT}
    save_weights(path, Weighted(), trained_on=(), **options)
    before = path.read_bytes()
    with pytest.raises(MemnetError, match=r"w\.safetensors exists; .*overwrite=True"):
        save_weights(path, Weighted(), trained_on=None, **options)
    assert path.read_bytes() == before
    save_weights(path, Weighted(), trained_on=None, overwrite=True, **options)
    assert read_header(path).trained_on is None


def test_training_data_as_a_plain_string_are_refused_where_they_are_given(tmp_path, monkeypatch):
    sentence = r"plain text 'lamem'; write it as \['lamem'\]"
    with pytest.raises(MemnetError, match=sentence):
        memnet.Predictor.from_function("a.b", brightness, trained_on="lamem")
    register_network("weighted", Weighted)
    with pytest.raises(MemnetError, match=sentence):
        save_weights(
            tmp_path / "w.safetensors",
            Weighted(),
            arch="weighted",
            preprocess=SPEC,
            output=OUTPUT,
            trained_on="lamem",
        )
    (table, *_) = packaged_toml("memnet.weights", "catalogue.toml")["model"]
    wrong = {"model": [{**table, "trained_on": "lamem"}]}
    monkeypatch.setattr(catalogue, "packaged_toml", lambda *path: wrong)
    with pytest.raises(MemnetError, match=sentence):
        catalogue.catalogue.__wrapped__()


# Another package.

MODULE = '''
import numpy as np

import memnet


def model(device="cpu"):
    """How bright a picture is."""

    def brightness(pictures):
        return [np.asarray(picture).mean() / 255 for picture in pictures]

    return memnet.Predictor.from_function(
        "whatever", brightness, trained_on=["memcat"], device=device
    )


def plain():
    """The same without a device."""
    return model()


def wrong():
    """Not a predictor."""
    return 3
'''


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a package: its module, and what pip writes beside it."""

    def make(package: str, points: str, code: str = MODULE) -> Path:
        site = tmp_path / f"site-{package}"
        info = site / f"{package}-1.2.dist-info"
        info.mkdir(parents=True)
        (site / f"{package}.py").write_text(code)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\nLicense: MIT\n"
        )
        (info / "entry_points.txt").write_text(f"[memnet.models]\n{points}\n")
        monkeypatch.delitem(sys.modules, package, raising=False)  # of an earlier test
        monkeypatch.syspath_prepend(str(site))
        return site

    return make


def test_a_model_of_another_package_is_listed_and_loaded(install, make_pictures, monkeypatch):
    install("brightpack", "bright.v1 = brightpack:model\nbright.v2 = brightpack:plain")
    names = {model["name"]: model for model in memnet.list_models()}
    assert names["bright.v1"]["title"] == "How bright a picture is."
    assert names["bright.v1"]["licence"] == "MIT"
    assert names["bright.v1"]["available"]
    paths = sorted(make_pictures(2).iterdir())
    for name in ("bright.v1", "bright.v2"):
        model = memnet.load(name, device="cpu", exif_orientation="apply")
        assert (model.name, model.exif_orientation) == (name, "apply")
        assert model.score(paths).model.eq(name).all()
    with pytest.raises(MemnetError, match=r"Did you mean 'bright\.v2'"):
        memnet.load("bright.v22")


@pytest.mark.parametrize(
    ("points", "code", "reason"),
    [
        ("x.v1 = brokenpack:model", "import no_such_module\n", "ModuleNotFoundError"),
        ("x.v1 = brokenpack:absent", MODULE, "AttributeError"),
        ("x.v1 = brokenpack:model", "def model():\n    raise OSError('no file')\n", "no file"),
        ("x.v1 = brokenpack:wrong", MODULE, "returned a int"),
    ],
)
def test_a_broken_package_is_one_sentence_that_names_it(install, capsys, points, code, reason):
    install("brokenpack", points, code)
    listed = [model["name"] for model in memnet.list_models()]
    assert "resmem.published" in listed
    told = capsys.readouterr().err
    if "x.v1" not in listed:  # what fails on import is told in the listing, too
        assert told.count("\n") == 1
        assert "brokenpack 1.2 is broken" in told
    with pytest.raises(MemnetError, match=rf"package brokenpack 1\.2 is broken.*{reason}"):
        memnet.load("x.v1", device="cpu")


def test_a_name_that_two_have_is_an_error_that_names_both(install, capsys):
    install("thief", "resmem.published = thief:model")
    with pytest.raises(MemnetError, match=r"package thief 1\.2 and of memnet's own catalogue"):
        memnet.load("resmem.published")
    assert [model["name"] for model in memnet.list_models()].count("resmem.published") == 1
    assert "thief 1.2" in capsys.readouterr().err
    install("first", "mine.v1 = first:model")
    install("second", "mine.v1 = second:model")
    with pytest.raises(MemnetError, match=r"first 1\.2|second 1\.2") as caught:
        memnet.load("mine.v1")
    assert "first 1.2" in str(caught.value)
    assert "second 1.2" in str(caught.value)


def test_a_folder_that_is_on_the_path_twice_is_no_clash(install, monkeypatch):
    site = install("twice", "twice.v1 = twice:model")
    monkeypatch.setattr(sys, "path", [str(site), str(site / ".." / site.name), *sys.path])
    assert plugins.find_plugin("twice.v1") is not None


def test_the_command_scores_and_lists_a_package_that_pip_installed(tmp_path, make_pictures):
    """A real package, installed by pip into a folder, and used by a fresh process."""
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    (source / "pippack.py").write_text(MODULE)
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "pippack"\nversion = "0.3"\nlicense = { text = "MIT" }\n'
        '[project.entry-points."memnet.models"]\n"bright.v1" = "pippack:model"\n'
        '[tool.setuptools]\npy-modules = ["pippack"]\n'
    )
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    pip += ["--no-build-isolation", "--target", str(site), str(source)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pip cannot build a package here: {done.stderr[-300:]}")
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    def command(*words: object) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-m", "memnet", *map(str, words)]
        return subprocess.run(
            arguments, capture_output=True, text=True, check=False, env=environment
        )

    out = tmp_path / "scores.csv"
    done = command("score", make_pictures(3), "--model", "bright.v1", "--out", out)
    assert done.returncode == 0, done.stderr
    assert read_table(out).model.tolist() == ["bright.v1"] * 3
    sidecar = json.loads((tmp_path / "scores.csv.json").read_text())
    assert sidecar["models"]["bright.v1"]["arch"] == "function"
    assert sidecar["models"]["bright.v1"]["trained_on"] == ["memcat"]
    listed = command("weights", "list")
    assert listed.returncode == 0, listed.stderr
    assert "bright.v1" in listed.stdout
    assert "How bright a picture is." in listed.stdout


# Names and files that are no models.


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("resmem", r"no model 'resmem'\. Did you mean 'resmem\.published'\?"),
        ("memnet", r"no model 'memnet'\. Did you mean 'memnet\.caffe_lamem'\?"),
        ("C:/models/foo.pth", r"C:/models/foo\.pth is no weight file .* `memnet weights import C:"),
        ("foo.pt", r"foo\.pt is no weight file that memnet reads"),
        ("foo.pth:server", r"foo\.pth is no weight file that memnet reads"),
        (r"D:\\models\\foo.onnx", "nor a weight file that memnet reads"),
        ("models/foo", "nor a weight file that memnet reads"),
        ("C:/models/memnet.caffemodel", "must be imported once"),
        ("x" * 100_000, "There is no model 'xxx"),
    ],
)
def test_a_path_of_another_kind_and_half_a_name_are_told_what_to_do(model, says):
    with pytest.raises(MemnetError, match=says) as caught:
        memnet.load(model)
    assert len(str(caught.value)) < 500


@pytest.fixture
def own_entry(tmp_path, monkeypatch):
    """A catalogue with one model, whose numbers are the tiny network's."""
    register()
    digest = read_header(write_tiny(tmp_path / "tiny.safetensors")).tensors_sha256
    entry = dataclasses.replace(
        catalogue.find("resmem.published"),
        name="tiny.test",
        arch="tiny",
        sha256="ab" * 32,
        tensors_sha256=digest,
        preprocess=SPEC,
        output=OUTPUT,
    )
    monkeypatch.setattr("memnet.scoring.named.catalogue", lambda: {entry.name: entry})
    return entry


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"converter": "memnet 9"}, True),
        ({"preprocess": dataclasses.replace(SPEC, channel_order="BGR")}, False),
        ({"output": dataclasses.replace(OUTPUT, add=0.1)}, False),
        ({"trained_on": ()}, False),
    ],
)
def test_a_file_has_the_catalogues_name_only_where_all_that_it_says_agrees(
    tmp_path, own_entry, changes, same
):
    written = own_entry.header(own_entry.sha256, own_entry.tensors_sha256)
    fields = {field.name: getattr(written, field.name) for field in dataclasses.fields(written)}
    path = write_tiny(tmp_path / "foreign.safetensors", **{**fields, **changes})
    name = memnet.load(path, device="cpu").name
    assert name == (own_entry.name if same else path.as_posix())


@pytest.mark.parametrize(
    ("changes", "other"),
    [
        ({"preprocess": dataclasses.replace(SPEC, channel_order="BGR")}, "preprocessing"),
        (
            {"output": dataclasses.replace(OUTPUT, add=0.1), "trained_on": ()},
            "output, training data",
        ),
    ],
)
def test_what_the_user_supplied_has_its_name_only_where_it_is_fed_as_the_model_is(
    tmp_path, own_entry, monkeypatch, changes, other
):
    """No checksum of its numbers is known, and so nothing else would tell."""
    entry = dataclasses.replace(own_entry, sha256="", tensors_sha256="")
    monkeypatch.setattr("memnet.scoring.named.catalogue", lambda: {entry.name: entry})
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path))
    written = own_entry.header(own_entry.sha256, own_entry.tensors_sha256)
    fields = {field.name: getattr(written, field.name) for field in dataclasses.fields(written)}
    path = tmp_path / "weights" / "tiny.test.safetensors"
    write_tiny(path, **fields)
    assert memnet.load("tiny.test", device="cpu").name == "tiny.test"
    assert memnet.load(path, device="cpu").name == "tiny.test"
    write_tiny(path, **{**fields, **changes})
    assert memnet.load(path, device="cpu").name == path.as_posix()
    with pytest.raises(MemnetError, match=f"is not tiny.test: its {other} differ"):
        memnet.load("tiny.test", device="cpu")


def test_a_network_that_cannot_be_built_for_its_tensors_is_one_sentence(tmp_path):
    class Halves(nn.Module):
        @classmethod
        def shaped_like(cls, tensors):
            return nn.Conv2d(3, 3, 1, groups=2)

    register_network("halves", Halves)
    path = write_tiny(tmp_path / "odd.safetensors", arch="halves")
    with pytest.raises(
        MemnetError, match=r"No network .*Halves can be built .* divisible by groups"
    ):
        memnet.load(path, device="cpu")


def test_a_remark_gives_no_orders_to_the_terminal_and_is_cut(tmp_path, capsys):
    register()
    remark = "red\x1b[31m\nmemnet: all is well" + "x" * 5000
    memnet.load(write_tiny(tmp_path / "remark.safetensors", remark=remark), device="cpu")
    said = capsys.readouterr().err
    assert r"red\x1b[31m\x0amemnet: all is well" in said
    assert "\x1b" not in said
    assert len(said) < 1500


def test_a_network_that_does_not_fit_its_preprocessing_is_one_sentence(tmp_path):
    register()
    spec = dataclasses.replace(SPEC, crop_hw=(5, 11))
    model = memnet.load(write_tiny(tmp_path / "odd.safetensors", preprocess=spec), device="cpu")
    with pytest.raises(
        MemnetError, match=r"odd\.safetensors failed on 2 crops of 5 x 11 .RuntimeE"
    ):
        model.score(np.zeros((20, 20, 3)))


def test_a_network_that_returns_no_tensor_is_one_sentence(tmp_path):
    class Pair(nn.Linear):
        def __init__(self):
            super().__init__(363, 1)

        def forward(self, crops):
            return crops, crops

    register_network("pair", Pair)
    save_weights(
        tmp_path / "pair.safetensors",
        Pair(),
        arch="pair",
        preprocess=SPEC,
        output=OUTPUT,
        trained_on=(),
    )
    model = memnet.load(tmp_path / "pair.safetensors", device="cpu")
    with pytest.raises(MemnetError, match="must map 2 crops to 2 numbers; it returned tuple"):
        model.score(np.zeros((20, 20, 3)))
