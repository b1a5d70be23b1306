"""Frames and clips: names become numbers, figures are those of NumPy, nothing is lost silently."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from memnet.errors import MemnetError
from memnet.scoring.table import Row, to_frame
from memnet.studies.clips import sort_frames


def scored(scores: dict[str, float | None], *, model="m", path="{}", clamped=()) -> pd.DataFrame:
    rows = []
    for image_id, score in scores.items():
        common = {"image_id": image_id, "path": path.format(image_id), "model": model}
        if score is None:
            rows.append(Row.failed(**common, variant="", reason="damaged"))
            continue
        sizes = {"n_crops": 1, "width": 9, "height": 9, "mode": "RGB", "warning": ""}
        held = image_id in clamped
        rows.append(Row(**common, variant="", score=score, raw=score, clamped=held, **sizes))
    return to_frame(rows)


@pytest.mark.parametrize(
    ("image_id", "clip", "frame"),
    [
        ("ads/cola_frame_0012.png", "ads/cola", 12),
        ("ads/cola2_0007.png", "ads/cola2", 7),
        ("beach-0100.jpg", "beach", 100),
        ("beach.Frame.3.jpg", "beach", 3),
        ("my video 12.jpg", "my video", 12),
        ("waves/0001.png", "waves", 1),
        ("waves/frame0001.png", "waves", 1),
        ("keyframe5.png", "keyframe", 5),
        ("a/b/c_00010_left.png", "a/b/c", 10),
        ("clip1_frame_٣_4.png", "clip1_frame_٣", 4),
    ],
)
def test_the_last_number_of_a_name_is_the_frame_and_what_precedes_it_the_clip(
    image_id, clip, frame
):
    (row,) = sort_frames(scored({image_id: 0.5})).frames.to_dict("records")
    assert (row["clip"], row["frame"]) == (clip, frame)


def test_frames_without_a_folder_belong_to_the_folder_that_was_given():
    table = scored({"0001.png": 0.1, "0002.png": 0.2}, path="videos/waves/{}")
    assert set(sort_frames(table).frames["clip"]) == {"waves"}
    assert set(sort_frames(scored({"0001.png": 0.1}, path="")).frames["clip"]) == {"."}


def test_frames_are_sorted_by_number_and_not_by_name():
    table = scored({f"v_{n}.png": n / 100 for n in (10, 9, 2, 1, 100)})
    found = sort_frames(table)
    assert found.frames["frame"].tolist() == [1, 2, 9, 10, 100]
    assert found.frames["image_id"].tolist() == [f"v_{n}.png" for n in (1, 2, 9, 10, 100)]


def test_figures_of_a_clip_are_those_of_numpy():
    values = np.random.default_rng(1).random(9)
    table = scored({f"v_{n:03d}.png": v for n, v in enumerate(values)}, clamped={"v_004.png"})
    (row,) = sort_frames(table).clips.to_dict("records")
    assert row["mean"] == pytest.approx(np.mean(values), rel=1e-12)
    assert row["sd"] == pytest.approx(np.std(values, ddof=1), rel=1e-12)
    assert row["median"] == pytest.approx(np.median(values), rel=1e-12)
    assert (row["min"], row["max"]) == (values.min(), values.max())
    assert row["frame_of_max"] == values.argmax()
    assert row["clamped"] == 1


def test_a_failed_frame_is_counted_and_is_not_missing():
    table = scored({"v_1.png": 0.2, "v_2.png": None, "v_3.png": 0.6, "v_6.png": 0.4})
    found = sort_frames(table)
    (row,) = found.clips.to_dict("records")
    assert (row["n_frames"], row["n_failed"], row["first"], row["last"]) == (4, 1, 1, 6)
    assert row["missing"] == 2  # 4 and 5
    assert row["mean"] == pytest.approx(0.4)
    assert found.frames["score"].isna().tolist() == [False, True, False, False]


def test_every_fifth_frame_lacks_none():
    table = scored({f"v_{n}.png": 0.5 for n in (0, 5, 10, 20, 25)})
    (row,) = sort_frames(table).clips.to_dict("records")
    assert (row["step"], row["missing"]) == (5, 1)
    uneven = scored({f"v_{n}.png": 0.5 for n in (0, 4, 10, 14)})
    (row,) = sort_frames(uneven).clips.to_dict("records")
    assert (row["step"], row["missing"]) == (2, 4)  # 2, 6, 8 and 12


def test_a_single_frame_has_no_sd_and_a_clip_of_failures_no_mean():
    found = sort_frames(scored({"v_1.png": 0.5, "w_1.png": None})).clips.set_index("clip")
    assert np.isnan(found.loc["v", "sd"])
    assert pd.isna(found.loc["v", "step"])
    assert np.isnan(found.loc["w", "mean"])
    assert pd.isna(found.loc["w", "frame_of_max"])
    assert found.loc["w", "n_failed"] == 1


def test_models_are_kept_apart():
    ids = {"v_1.png": 0.1, "v_2.png": 0.2}
    both = pd.concat([scored(ids, model="a"), scored({k: v + 0.5 for k, v in ids.items()})])
    found = sort_frames(both).clips
    assert found["model"].tolist() == ["a", "m"]
    assert found["mean"].tolist() == pytest.approx([0.15, 0.65])


def test_names_without_a_number_are_set_aside_and_the_rest_is_kept():
    found = sort_frames(scored({"v_1.png": 0.1, "cover.png": 0.9, "v_2.png": 0.2}))
    assert found.set_aside == ("cover.png: its name has no number, so it is not used as a frame",)
    assert found.frames["frame"].tolist() == [1, 2]


def test_two_frames_of_one_number_are_set_aside_together():
    found = sort_frames(scored({"v_1.png": 0.1, "v_01.png": 0.9, "v_2.png": 0.2}))
    (sentence,) = found.set_aside
    assert sentence.startswith(
        "frame 1 of clip v is the number of several pictures (v_1.png, v_01.png)"
    )
    assert found.frames["image_id"].tolist() == ["v_2.png"]
    with pytest.raises(MemnetError, match=r"Every frame number occurs more than once.*--pattern"):
        sort_frames(scored({"v_1.png": 0.1, "v_01.png": 0.9}))


def test_a_film_that_two_rows_of_a_table_name_has_each_frame_once():
    once = scored({"v_1.png": 0.1, "v_2.png": 0.2})
    found = sort_frames(pd.concat([once, once], ignore_index=True))
    assert not found.set_aside
    assert found.frames["score"].tolist() == [0.1, 0.2]


def test_a_pattern_reads_names_that_the_rule_misreads():
    misread = scored({"v_01_720p.png": 0.1, "v_02_720p.png": 0.2})
    assert sort_frames(misread).clips["clip"].tolist() == ["v_01", "v_02"]
    assert "--pattern" in sort_frames(misread).warning
    table = pd.concat([misread, scored({"cover.png": 0.2})])
    found = sort_frames(table, pattern=r"(?P<clip>[a-z]+)_(?P<frame>[0-9]+)_720p")
    assert found.frames[["clip", "frame"]].to_numpy().tolist() == [["v", 1], ["v", 2]]
    assert found.set_aside == (
        "cover.png: --pattern does not match its name, so it is not used as a frame",
    )
    assert found.warning == ""
    folder = sort_frames(scored({"x/01_720p.png": 0.1}), pattern=r"(?P<frame>[0-9]+)_720p")
    assert folder.frames["clip"].tolist() == ["x"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "not a regular expression"), ("[0-9]+", "no group for the frame number")],
)
def test_a_pattern_that_is_none_is_refused(pattern, message):
    with pytest.raises(MemnetError, match=message):
        sort_frames(scored({"v_1.png": 0.1}), pattern=pattern)


def test_pictures_that_are_no_frames_are_refused():
    with pytest.raises(
        MemnetError, match=r"None of the 2 pictures has a frame number.*cat\.png, dog\.png"
    ):
        sort_frames(scored({"cat.png": 0.1, "dog.png": 0.2}))
    with pytest.raises(MemnetError, match="no rows"):
        sort_frames(scored({}))


def test_a_number_of_twenty_digits_is_no_frame():
    found = sort_frames(scored({"v_12345678901234567890.png": 0.1, "v_2.png": 0.2}))
    assert "not a frame number" in found.set_aside[0]
    assert found.frames["frame"].tolist() == [2]


def test_a_name_of_a_thousand_separators_is_a_clip_like_others():
    name = "beach" + "_-" * 1500
    clips = sort_frames(scored({f"{name}{number}.png": 0.5 for number in (1, 2)}))
    assert clips.clips["clip"].tolist() == ["beach"]
