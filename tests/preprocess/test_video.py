"""Videos: the frame shown at a time, its colours, and what becomes of damaged files."""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from memnet.errors import MemnetError, PictureError
from memnet.preprocess.video import Video, frames_of, parse_fps, read_video
from videos import av, flat, grey, noise, turn, write_sound, write_video


def decoded(video: Video) -> list[np.ndarray]:
    return [np.asarray(each) for each in frames_of(video, range(len(video.starts)))]


# The frames are the frames.


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mkv", "ffv1", "bgr0"),
        ("a.avi", "rawvideo", "bgr24"),
        ("a.mov", "png", "rgb24"),
        ("a.mp4", "libx264rgb", "rgb24"),
    ],
)
def test_frames_of_lossless_videos_are_those_of_pillow_to_the_last_bit(
    tmp_path, name, codec, pix_fmt
):
    frames = noise(12)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"{number}.png")
    path = write_video(tmp_path / name, frames, codec=codec, pix_fmt=pix_fmt, options={"qp": "0"})
    video = read_video(path)
    assert video.notes == ()
    assert video.breaks_off == ""
    for number, frame in enumerate(frames_of(video, range(12))):
        with Image.open(tmp_path / f"{number}.png") as picture:
            assert frame.mode == "RGB"
            assert frame.tobytes() == picture.tobytes()


COLOURS = [
    *((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)),
    *((128, 128, 128), (200, 120, 40), (30, 90, 210)),
]
MATRICES = {"601": (0.299, 0.114, 6), "709": (0.2126, 0.0722, 1), "2020": (0.2627, 0.0593, 9)}
"""Weights of red and blue (ITU-R BT.601, BT.709, BT.2020), and the number of ISO 23091-2."""


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", MATRICES)
def test_flat_colours_are_within_1_of_the_standards_formulas(tmp_path, matrix, full, pix_fmt):
    """The wrong matrix is up to 35 off, the wrong range up to 16."""
    red, blue, tag = MATRICES[matrix]
    frames = [flat(colour, pix_fmt, red, blue, full) for colour in COLOURS]
    path = write_video(
        tmp_path / "a.mp4",
        frames,
        codec="libx264",
        pix_fmt=pix_fmt,
        options={"qp": "0", "bf": "0"},
        colorspace=tag,
        color_range=2 if full else 1,
    )
    for colour, frame in zip(COLOURS, decoded(read_video(path)), strict=True):
        assert np.abs(frame.astype(int) - colour).max() <= 1, colour


def test_colours_of_h264_lie_at_the_left_of_each_two_pixels(tmp_path):
    """H.264's default (ITU-T H.264, E.2.1); in their middle, blue would be 3.5 off here."""
    frame = av.VideoFrame(64, 16, "yuv420p")
    slope = np.arange(32, dtype=np.uint8) * 8
    for plane, row in zip(frame.planes, (128, slope, 128), strict=True):  # Y, Cb, Cr
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = row
        plane.update(rows.tobytes())
    path = write_video(
        tmp_path / "a.mkv",
        [frame],
        codec="libx264",
        pix_fmt="yuv420p",
        options={"qp": "0"},
        color_range=2,
        colorspace=6,
    )
    (made,) = decoded(read_video(path))
    inside = slice(10, 22)  # where blue is within 0 and 255
    exact = 128 + 1.772 * (slope[inside].astype(float) - 128)
    assert np.abs(made[8, ::2, 2][inside] - exact).max() <= 1


def test_without_a_matrix_bt601_is_taken_and_that_is_said_of_large_videos(tmp_path):
    red, blue, _ = MATRICES["601"]
    frame = flat((0, 200, 0), "yuv420p", red, blue, False)
    small = write_video(tmp_path / "a.mkv", [frame], pix_fmt="yuv420p")
    assert np.abs(decoded(read_video(small))[0].astype(int) - (0, 200, 0)).max() <= 1
    assert read_video(small).notes == ()
    large = write_video(
        tmp_path / "b.mkv", [grey(9, height=720, width=1280)], codec="mpeg4", pix_fmt="yuv420p"
    )
    (note,) = read_video(large).notes
    assert "does not say its colour matrix; BT.601 is taken" in note


def test_grey_videos_have_their_full_range(tmp_path):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    frame = av.VideoFrame.from_ndarray(ramp, format="gray")
    path = write_video(tmp_path / "a.mkv", [frame], pix_fmt="gray")
    assert (decoded(read_video(path))[0] == ramp[..., None]).all()


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), lambda a: a),
        ((0, 1, -1, 0), lambda a: np.rot90(a, -1)),
        ((-1, 0, 0, -1), lambda a: np.rot90(a, 2)),
        ((0, -1, 1, 0), lambda a: np.rot90(a)),
        ((-1, 0, 0, 1), lambda a: a[:, ::-1]),
        ((1, 0, 0, -1), lambda a: a[::-1]),
        ((0, 1, 1, 0), lambda a: a.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda a: a.swapaxes(0, 1)[::-1, ::-1]),
    ],
)
def test_frames_are_turned_as_the_display_matrix_says(tmp_path, matrix, shown):
    frames = noise(2)
    path = write_video(tmp_path / "a.mov", frames, codec="png", pix_fmt="rgb24")
    turn(path, matrix)
    for frame, made in zip(frames, decoded(read_video(path)), strict=True):
        assert np.array_equal(made, shown(frame))


def test_pixels_that_are_not_square_and_two_fields_and_hdr_are_named(tmp_path):
    wide = write_video(
        tmp_path / "a.mp4",
        [grey(9)] * 2,
        codec="libx264",
        pix_fmt="yuv420p",
        sample_aspect_ratio=Fraction(4, 3),
        color_trc=16,
    )
    video = read_video(wide)
    assert "not square (4:3)" in " ".join(video.notes)
    assert "HDR (PQ)" in " ".join(video.notes)
    assert decoded(video)[0].shape == (32, 48, 3)
    woven = write_video(
        tmp_path / "b.mpg",
        [grey(9)] * 3,
        codec="mpeg2video",
        pix_fmt="yuv420p",
        options={"flags": "+ildct+ilme"},
    )
    assert "interlaced" in " ".join(read_video(woven).notes)


# Times.


def test_the_frame_at_a_time_is_the_last_one_shown_by_then_also_at_uneven_times(tmp_path):
    frames = noise(5)
    path = write_video(
        tmp_path / "a.mkv", frames, stamps=[0, 100, 500, 900, 2000], time_base=Fraction(1, 1000)
    )
    video = read_video(path)
    samples = video.samples(Fraction(4))
    expected = {0: 0, 0.25: 1, 0.5: 2, 0.75: 2, 1: 3, 1.25: 3, 1.5: 3, 1.75: 3, 2: 4}
    assert dict(samples[:9]) == expected
    made = list(frames_of(video, [sample.frame for sample in samples]))
    for sample, frame in zip(samples, made, strict=True):
        assert frame.tobytes() == frames[sample.frame].tobytes()


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(30000, 1001), Fraction(24000, 1001), 60])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.avi"])
def test_at_its_own_rate_every_frame_comes_once(tmp_path, name, rate):
    """Matroska's milliseconds are rounded up and down: a third of the frames would come twice."""
    path = write_video(
        tmp_path / name, [grey(9)] * 100, codec="mpeg4", pix_fmt="yuv420p", rate=rate
    )
    samples = read_video(path).samples(Fraction(rate))
    assert [sample.frame for sample in samples] == list(range(100))
    assert samples[30].time == 30 / Fraction(rate)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.m2ts"])
def test_frames_that_are_stored_out_of_order_are_shown_in_order(tmp_path, name):
    """AVI has no times of showing: its stamps are those of the order in which frames are stored."""
    levels = list(range(20, 220, 10))
    path = write_video(
        tmp_path / name,
        [grey(level) for level in levels],
        codec="libx264",
        pix_fmt="yuv420p",
        options={"bf": "3", "qp": "1"},
    )
    video = read_video(path)
    assert [sample.frame for sample in video.samples(Fraction(25))] == list(range(20))
    means = [frame.mean() for frame in decoded(video)]
    assert np.abs(np.array(means) - levels).max() < 2


def test_hidden_frames_of_vp8_are_none(tmp_path):
    """Frames to which only others refer lie in the file with time stamps of their own."""
    plain = write_video(tmp_path / "a.webm", noise(10), codec="libvpx", pix_fmt="yuv420p")
    hiding = tmp_path / "b.webm"
    with av.open(str(plain)) as source, av.open(str(hiding), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(each for each in source.demux() if each.size):
            packet.stream = stream
            target.mux(packet)
            if number == 4:
                content = bytes(packet)
                hidden = av.Packet(bytes([content[0] & ~0x10]) + content[1:])
                hidden.pts = hidden.dts = packet.pts + 20
                hidden.stream, hidden.time_base = stream, packet.time_base
                target.mux(hidden)
    with av.open(str(hiding)) as container:
        assert len([each for each in container.demux() if each.size]) == 11
    video = read_video(hiding)
    assert video.starts == tuple(range(0, 400, 40))
    assert not [each for each in frames_of(video, range(10)) if isinstance(each, PictureError)]


def test_time_0_is_the_first_frame_wherever_the_stamps_begin(tmp_path):
    late = [5000, 5500, 6000]
    path = write_video(tmp_path / "a.mkv", noise(3), stamps=late, time_base=Fraction(1, 1000))
    assert [float(t) for t, _ in read_video(path).samples(Fraction(2))][:3] == [0, 0.5, 1]
    with_sound = read_video(write_sound(tmp_path / "b.mp4", pictures=noise(10)))
    (note,) = with_sound.notes
    assert "begin 0.5" in note
    assert "after its sound" in note
    assert with_sound.samples(Fraction(1))[0] == (0, 0)


def test_time_stamps_that_jump_are_doubted_and_a_film_of_years_is_refused(tmp_path):
    unit = {"time_base": Fraction(1, 1000)}
    path = write_video(tmp_path / "a.mkv", noise(3), stamps=[0, 1000, 100_000], **unit)
    assert "frame 1 of" in read_video(path).notes[0]
    assert "shown for 99 s" in read_video(path).notes[0]
    write_video(path, noise(3), stamps=[0, 1000, 10**9], **unit)
    assert "goes on for 278 hours" in refused(path)


# Damage.


@pytest.mark.parametrize("name", ["a.mkv", "a.wmv", "a.mp4"])
def test_an_intact_film_whose_clock_begins_later_is_whole(tmp_path, name):
    """3 s from 5 s on; a header that says where it ends says 8 s."""
    codec = {} if name == "a.mkv" else {"codec": "mpeg4", "pix_fmt": "yuv420p"}
    path = write_video(tmp_path / name, noise(75), stamps=range(125, 200), **codec)
    video = read_video(path)
    assert (video.breaks_off, video.end) == ("", 3)
    if name == "a.mkv":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert "its header says 3.00 s" in read_video(path).breaks_off


def test_of_a_file_that_breaks_off_the_good_frames_are_kept_and_that_is_said(tmp_path):
    frames = noise(50)
    whole = write_video(
        tmp_path / "a.mov",
        frames,
        codec="png",
        pix_fmt="rgb24",
        container_options={"movflags": "faststart"},
    )
    data = whole.read_bytes()
    cut = tmp_path / "cut.mov"
    cut.write_bytes(data[: len(data) // 2])
    video = read_video(cut)
    assert "breaks off at" in video.breaks_off
    assert "2.00 s" in video.breaks_off
    made = list(frames_of(video, range(len(video.starts))))
    good = [each for each in made if not isinstance(each, PictureError)]
    assert 20 <= len(good) <= 25
    assert [each.tobytes() for each in good] == [f.tobytes() for f in frames[: len(good)]]
    assert len(made) - len(good) <= 2  # the one that was cut; PyAV 17 loses the one before, too


def test_a_cut_matroska_file_is_noticed_too(tmp_path):
    data = write_video(tmp_path / "a.mkv", noise(50)).read_bytes()
    (tmp_path / "a.mkv").write_bytes(data[: len(data) // 2])
    video = read_video(tmp_path / "a.mkv")
    assert "breaks off" in video.breaks_off
    assert 20 <= len(video.starts) <= 26


def test_a_damaged_frame_fails_and_no_neighbour_takes_its_place(tmp_path):
    frames = noise(10)
    path = write_video(tmp_path / "a.mov", frames, codec="png", pix_fmt="rgb24")
    with av.open(str(path)) as container:
        position = [packet.pos for packet in container.demux() if packet.size][4]
    data = bytearray(path.read_bytes())
    data[position : position + 40] = bytes(40)
    path.write_bytes(data)
    video = read_video(path)
    made = list(frames_of(video, [3, 4, 4, 5]))
    assert [isinstance(each, PictureError) for each in made] == [False, True, True, False]
    assert "Frame 4 of the video (at 0.160 s) is damaged" in str(made[1])
    assert made[3].tobytes() == frames[5].tobytes()


def test_frames_that_are_drawn_over_a_damaged_one_fail_up_to_the_next_that_stands_alone(tmp_path):
    frames = [grey(level) for level in range(20, 220, 10)]
    path = write_video(
        tmp_path / "a.mp4",
        frames,
        codec="libx264",
        pix_fmt="yuv420p",
        options={"bf": "0", "g": "10", "sc_threshold": "0"},
    )
    with av.open(str(path)) as container:
        place, size = [(each.pos, each.size) for each in container.demux() if each.size][4]
    data = bytearray(path.read_bytes())
    data[place : place + size] = b"\xff" * size
    path.write_bytes(data)
    video = read_video(path)
    failed = [isinstance(each, PictureError) for each in frames_of(video, range(20))]
    assert failed == [False] * 4 + [True] * 6 + [False] * 10


def refused(path) -> str:
    with pytest.raises(MemnetError) as caught:
        read_video(path)
    return str(caught.value)


def test_what_is_no_video_is_refused_in_a_sentence(tmp_path):
    assert "There is no file" in refused(tmp_path / "no.mp4")
    text = tmp_path / "text.mp4"
    for content in (b"", b"no video\n" * 100):
        text.write_bytes(content)
        assert "is no video that FFmpeg can read" in refused(text)
    data = write_video(tmp_path / "a.mp4", noise(9), codec="libx264rgb", pix_fmt="rgb24")
    text.write_bytes(data.read_bytes()[:2000])  # its index stood at the end
    assert "may lack its index" in refused(text)
    assert "has only sound" in refused(write_sound(tmp_path / "b.mp4"))


def test_a_playlist_called_a_video_opens_no_other_file(tmp_path):
    write_video(tmp_path / "a.m2ts", [grey(9)] * 9, codec="mpeg2video", pix_fmt="yuv420p")
    (tmp_path / "list.mp4").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\na.m2ts\n#EXT-X-ENDLIST\n"
    )
    assert "is no video" in refused(tmp_path / "list.mp4")
    (tmp_path / "concat.mp4").write_text("ffconcat version 1.0\nfile a.m2ts\n")
    assert "is no video" in refused(tmp_path / "concat.mp4")


def test_a_name_with_a_colon_is_a_file(tmp_path):
    path = write_video(tmp_path / "a.mkv", noise(2)).rename(tmp_path / "http:b.mkv")
    assert len(read_video(path).starts) == 2


def test_without_pyav_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mkv", noise(2))
    monkeypatch.setitem(sys.modules, "av", None)
    assert 'pip install "memnet-harness[video]"' in refused(path)


def test_frames_are_decoded_as_they_are_asked_for(tmp_path, monkeypatch):
    from memnet.preprocess import video as module

    path = write_video(tmp_path / "a.mkv", noise(200))
    video = read_video(path)
    passed = []
    original = module._decoded

    def counted(*args):
        for each in original(*args):
            passed.append(each[0])
            yield each

    monkeypatch.setattr(module, "_decoded", counted)
    frames = frames_of(video, range(0, 200, 10))
    next(frames)
    next(frames)
    assert len(passed) == 11


@pytest.mark.parametrize(
    ("text", "fps"), [("2", 2), (" 0.5", Fraction(1, 2)), ("30000/1001", Fraction(30000, 1001))]
)
def test_rates_are_exact(text, fps):
    assert parse_fps(text) == fps


@pytest.mark.parametrize("text", ["fast", "0", "-1", "nan", "inf", "1001", "1/0", "1e9"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(MemnetError, match="--fps"):
        parse_fps(text)
