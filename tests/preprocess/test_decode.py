"""Decoding: one policy per picture mode, recorded; bad files in one sentence."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from memnet.errors import PictureError
from memnet.preprocess import decode as decoding
from memnet.preprocess.decode import PictureLimits, decode, open_picture, pixels_to_unpack
from png import chunk, png_bomb, png_rgb16

# Asymmetric in every direction and channel, so that a flip, turn or swap cannot go unseen.
PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3


def pixels(picture, **options) -> np.ndarray:
    options.setdefault("exif_orientation", "ignore")
    return np.asarray(decode(picture, **options).rgb)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_give_the_stored_pixels(kind):
    data = encoded(Image.fromarray(PIXELS), kind, **({"lossless": True} if kind == "WEBP" else {}))
    decoded = decode(data, exif_orientation="ignore")
    assert np.array_equal(np.asarray(decoded.rgb), PIXELS)
    assert (decoded.mode, decoded.width, decoded.height, decoded.warnings) == ("RGB", 6, 4, ())


def test_jpeg_is_decoded_as_pillow_does():
    data = encoded(Image.fromarray(PIXELS), "JPEG")
    assert np.array_equal(pixels(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_grey_becomes_three_equal_channels():
    grey = PIXELS[:, :, 0].copy()
    decoded = decode(encoded(Image.fromarray(grey), "PNG"), exif_orientation="ignore")
    assert np.array_equal(np.asarray(decoded.rgb), np.stack([grey] * 3, axis=-1))
    assert decoded.mode == "L"


def test_black_and_white_becomes_0_and_255():
    bits = np.eye(5, dtype=bool)
    decoded = decode(encoded(Image.fromarray(bits), "PNG"), exif_orientation="ignore")
    assert decoded.mode == "1"
    assert np.array_equal(np.asarray(decoded.rgb)[:, :, 1], bits * 255)


def test_palette_colours_are_looked_up():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    decoded = decode(encoded(image, "PNG"), exif_orientation="ignore")
    assert np.asarray(decoded.rgb).tolist() == [[[10, 20, 30], [200, 100, 50]]]
    assert decoded.mode == "P"
    assert "palette" in decoded.warnings[0]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_dropped_and_not_blended(mode):
    image = Image.new(mode, (1, 1), (200, 100, 50, 0) if mode == "RGBA" else (200, 0))
    decoded = decode(encoded(image, "PNG"), exif_orientation="ignore")
    expected = [200, 100, 50] if mode == "RGBA" else [200, 200, 200]
    assert np.asarray(decoded.rgb)[0, 0].tolist() == expected  # blending would give 0 or 255
    assert decoded.mode == mode
    assert "transparency dropped" in decoded.warnings[0]


def test_palette_transparency_is_dropped_too():
    image = Image.new("P", (1, 1))
    image.putpalette([10, 20, 30])
    data = encoded(image, "PNG", transparency=b"\x00")
    decoded = decode(data, exif_orientation="ignore")
    assert np.asarray(decoded.rgb)[0, 0].tolist() == [10, 20, 30]
    assert any("transparency dropped" in sentence for sentence in decoded.warnings)


def test_cmyk_is_converted_by_the_plain_formula():
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    decoded = decode(encoded(image, "TIFF"), exif_orientation="ignore")
    assert np.asarray(decoded.rgb)[0, 0].tolist() == [0, 255, 255]
    assert decoded.mode == "CMYK"
    assert "CMYK" in decoded.warnings[0]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_high_byte_and_is_not_clipped(kind):
    values = np.array([[0, 255, 256, 40_000, 65_535]], dtype=np.uint16)
    decoded = decode(encoded(Image.fromarray(values), kind), exif_orientation="ignore")
    assert np.asarray(decoded.rgb)[0, :, 0].tolist() == [0, 0, 1, 156, 255]
    assert "16-bit" in decoded.warnings[0]


def test_16_bit_colour_keeps_its_high_byte():
    decoded = decode(png_rgb16([[(40_000, 255, 65_535)]]), exif_orientation="ignore")
    assert np.asarray(decoded.rgb)[0, 0].tolist() == [156, 0, 255]
    assert "16-bit colour" in decoded.warnings[0]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_only_the_first_frame_is_taken_and_said(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    decoded = decode(data, exif_orientation="ignore")
    assert np.asarray(decoded.rgb)[0, 0].tolist() == [255, 0, 0]
    assert "only the first frame is scored" in decoded.warnings


def _turned(kind: str) -> bytes:
    exif = Image.Exif()
    exif[274] = 6  # to be shown turned by 90 degrees clockwise
    return encoded(Image.fromarray(PIXELS), kind, exif=exif)


def test_exif_orientation_is_not_applied_unless_asked_but_said():
    decoded = decode(_turned("PNG"), exif_orientation="ignore")
    assert np.array_equal(np.asarray(decoded.rgb), PIXELS)
    assert decoded.warnings == ("EXIF orientation 6 not applied",)


def test_exif_orientation_is_applied_when_asked():
    decoded = decode(_turned("PNG"), exif_orientation="apply")
    assert np.array_equal(np.asarray(decoded.rgb), np.rot90(PIXELS, -1))
    assert (decoded.width, decoded.height) == (4, 6)
    assert decoded.warnings == ("EXIF orientation 6 applied",)


def test_tiff_is_turned_by_pillow_itself_and_that_is_said():
    decoded = decode(_turned("TIFF"), exif_orientation="ignore")
    assert np.array_equal(np.asarray(decoded.rgb), np.rot90(PIXELS, -1))
    assert decoded.warnings == ("EXIF orientation 6 applied (TIFF files always are)",)


def test_the_users_picture_is_left_as_it_was():
    image = Image.open(io.BytesIO(_turned("PNG")))
    decode(image, exif_orientation="apply")
    assert image.size == (6, 4)
    assert image.getexif()[274] == 6


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (PIXELS, PIXELS),
        (PIXELS / 255, PIXELS),
        (PIXELS.astype(np.uint16) * 256 + 200, PIXELS),
        (np.dstack([PIXELS, PIXELS[:, :, :1]]), PIXELS),
        (PIXELS[:, :, 0], np.stack([PIXELS[:, :, 0]] * 3, axis=-1)),
        (PIXELS[:, :, :1], np.stack([PIXELS[:, :, 0]] * 3, axis=-1)),
        (PIXELS > 30, (PIXELS > 30) * 255),
    ],
)
def test_arrays_of_every_accepted_kind(array, expected):
    assert np.array_equal(pixels(array), expected)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (PIXELS.transpose(2, 0, 1), "height x width x 3"),
        (PIXELS.astype(np.float32), "must lie in [0, 1]"),
        (np.full((4, 4), np.nan), "The array holds NaN"),
        (PIXELS.astype(np.int64), "ambiguous"),
        (np.zeros((0, 4, 3), np.uint8), "no picture"),
        (np.zeros(5, np.uint8), "no picture"),
    ],
)
def test_ambiguous_arrays_are_refused(array, words):
    with pytest.raises(PictureError, match=words.replace("[", r"\[")):
        pixels(array)


def test_floating_point_pictures_are_refused():
    with pytest.raises(PictureError, match="'F'"):
        pixels(Image.new("F", (2, 2), 0.5))


def test_a_32_bit_picture_beyond_16_bits_is_refused():
    with pytest.raises(PictureError, match="70000"):
        pixels(Image.new("I", (2, 2), 70_000))


def test_a_truncated_jpeg_is_refused_and_said(golden_pictures):
    data = encoded(Image.open(golden_pictures["chelsea_451x300.png"]), "JPEG")
    with pytest.raises(PictureError, match="cut off"):
        pixels(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello, I am a text file\n", "no picture that can be read"),
        (b"<!DOCTYPE html><html>not found</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git-LFS pointer"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "damaged|no picture"),
    ],
)
def test_what_is_no_picture_is_said_in_one_sentence(tmp_path, data, words):
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    with pytest.raises(PictureError, match=words) as caught:
        pixels(path)
    assert "\n" not in str(caught.value)


def test_every_cut_of_a_png_ends_in_a_picture_error_or_the_whole_picture():
    data = encoded(Image.fromarray(PIXELS), "PNG")
    refused = 0
    for length in range(len(data)):
        try:
            assert np.array_equal(pixels(data[:length]), PIXELS)
        except PictureError:
            refused += 1
    assert refused > len(data) - 24  # only checksums and the closing chunk may be missing


def test_missing_file_and_folder_are_told_apart(tmp_path):
    with pytest.raises(PictureError, match="no such file"):
        pixels(tmp_path / "absent.png")
    with pytest.raises(PictureError, match="folder"):
        pixels(tmp_path)


def test_a_link_to_nothing_is_called_so(tmp_path):
    (tmp_path / "a.png").symlink_to("nowhere.png")
    with pytest.raises(PictureError, match=r"^This is a link to a file that is not there\.$"):
        pixels(tmp_path / "a.png")


def test_a_decompression_bomb_is_refused_and_the_limit_stated():
    with pytest.raises(PictureError, match=r"20000 x 20000.*200,000,000.*--max-pixels"):
        pixels(png_bomb())


def test_the_pixel_limit_is_ours_and_not_pillows(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    data = encoded(Image.fromarray(PIXELS), "PNG")
    assert np.array_equal(pixels(data, limits=PictureLimits(max_pixels=24)), PIXELS)
    assert Image.MAX_IMAGE_PIXELS == 5  # and Pillow's is left as it was
    with pytest.raises(PictureError, match="limit of 23"):
        pixels(data, limits=PictureLimits(max_pixels=23))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP"])
def test_pillow_does_not_bring_its_limit_back_while_it_unpacks(monkeypatch, kind):
    """It looks again where a TIFF is unpacked, and warns from half of its limit on."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    options = {"compression": "tiff_lzw"} if kind == "TIFF" else {"save_all": True}
    data = encoded(Image.fromarray(PIXELS), kind, **options)
    assert pixels(data).shape == PIXELS.shape
    assert Image.MAX_IMAGE_PIXELS == 5


def test_pillows_limit_comes_back_with_the_last_of_several_threads(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    first, second = decoding._no_limit_of_pillow(), decoding._no_limit_of_pillow()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert Image.MAX_IMAGE_PIXELS is None
    second.__exit__(None, None, None)
    assert Image.MAX_IMAGE_PIXELS == 5


def test_sides_and_bytes_have_limits_of_their_own(tmp_path):
    data = encoded(Image.fromarray(PIXELS), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    longest, size = max(PIXELS.shape), len(data)
    inside = PictureLimits(max_side=longest, max_bytes=size)
    assert np.array_equal(pixels(tmp_path / "a.png", limits=inside), PIXELS)
    with pytest.raises(PictureError, match=f"no side may have more than {longest - 1};"):
        pixels(data, limits=PictureLimits(max_side=longest - 1))
    with pytest.raises(PictureError, match=f"has {size} bytes, more than the limit of {size - 1};"):
        pixels(tmp_path / "a.png", limits=PictureLimits(max_bytes=size - 1))


def test_a_jpeg_with_a_second_picture_behind_it_is_a_jpeg():
    data = encoded(
        Image.fromarray(PIXELS), "MPO", save_all=True, append_images=[Image.new("RGB", (6, 4))]
    )
    decoded = decode(data, exif_orientation="ignore")
    assert np.array_equal(np.asarray(decoded.rgb), np.asarray(Image.open(io.BytesIO(data))))
    assert decoded.warnings == ()


def test_a_path_is_read_like_its_bytes(tmp_path: Path):
    path = tmp_path / "ünï çode.png"
    Image.fromarray(PIXELS).save(path)
    assert np.array_equal(pixels(path), pixels(path.read_bytes()))
    assert np.array_equal(pixels(str(path)), PIXELS)


def test_32_bit_integers_are_refused_however_small_they_are(tmp_path):
    """As 16-bit values they would be scored nearly black."""
    Image.fromarray(np.full((4, 4), 200, dtype=np.int32)).save(tmp_path / "deep.tif")
    with pytest.raises(PictureError, match="32-bit numbers from 200 to 200"):
        decode(tmp_path / "deep.tif", exif_orientation="ignore")


@pytest.mark.parametrize("thing", [None, 3, io.BytesIO(b"x"), [1, 2]])
def test_what_is_no_picture_at_all_is_named_by_its_type(thing):
    with pytest.raises(PictureError, match=f"A {type(thing).__name__} is no picture"):
        decode(thing, exif_orientation="ignore")


FAULTS = "faults/pictures"


@pytest.mark.parametrize(
    ("name", "size"), [("1xN.png", "1 x 199999999"), ("Nx1.png", "199999999 x 1")]
)
def test_a_side_that_never_ends_is_refused_before_it_is_unpacked(shared, name, size):
    """Few pixels, but resizing needs memory by the side: 18 GB of it."""
    with pytest.raises(PictureError, match=f"{size} pixels, and no side may have more than 65,535"):
        decode(shared / FAULTS / name, exif_orientation="ignore")


def test_a_long_side_is_refused_whatever_the_area():
    wide = Image.new("L", (65_536, 1))
    with pytest.raises(PictureError, match=r"65536 x 1 pixels, and no side"):
        decode(wide, exif_orientation="ignore")
    assert decode(Image.new("L", (65_535, 1)), exif_orientation="ignore").width == 65_535


def test_a_damaged_second_frame_is_one_failed_picture(shared):
    with pytest.raises(PictureError, match=r"damaged \(image index out of range|damaged \("):
        decode(shared / FAULTS / "decode_gif_IndexError_301.bin", exif_orientation="ignore")


@pytest.mark.parametrize(
    "error", [IndexError("x"), RecursionError("x"), AssertionError(), OSError(5)]
)
def test_whatever_a_decoder_raises_is_a_picture_that_cannot_be_read(monkeypatch, error):
    def load(self):
        raise error

    image = Image.new("RGB", (4, 4))
    monkeypatch.setattr(type(image), "load", load)
    with pytest.raises(PictureError, match="is damaged"):
        decode(image, exif_orientation="ignore")


def test_a_memory_that_is_too_small_is_said(monkeypatch):
    def load(self):
        raise MemoryError

    image = Image.new("RGB", (4, 5))
    monkeypatch.setattr(type(image), "load", load)
    with pytest.raises(PictureError, match=r"memory does not hold this picture \(4 x 5 pixels\)"):
        decode(image, exif_orientation="ignore")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_that_is_called_jpg_is_no_picture(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")  # to read it would wait for ever
    with pytest.raises(PictureError, match="no regular file"):
        decode(tmp_path / "a.jpg", exif_orientation="ignore")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc here")
def test_a_file_of_the_kernels_is_not_waited_for(tmp_path):
    """It is a regular file of 0 bytes; of some, such as kmsg, the end never comes."""
    (tmp_path / "a.jpg").symlink_to("/proc/self/status")
    with pytest.raises(PictureError, match="is empty"):
        decode(tmp_path / "a.jpg", exif_orientation="ignore")


def test_a_file_of_gigabytes_is_not_read(tmp_path):
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(2**31)  # sparse: it takes no space
    with pytest.raises(PictureError, match="2,147,483,648 bytes, more than the limit"):
        decode(tmp_path / "a.jpg", exif_orientation="ignore")


def test_an_8_bit_tiff_is_not_said_to_have_16(shared):
    """Its tile says RGB; a 16 stands in an offset."""
    decoded = decode(shared / FAULTS / "rgb8_lzw.tif", exif_orientation="ignore")
    assert decoded.mode == "RGB"
    assert not any("16" in warning for warning in decoded.warnings)


def test_a_png_with_much_text_is_read(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("xmp", "x" * 3_000_000, zip=True)
    picture = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    Image.fromarray(picture).save(tmp_path / "a.png", pnginfo=info)
    decoded = decode(tmp_path / "a.png", exif_orientation="ignore")
    assert np.array_equal(np.asarray(decoded.rgb), picture)


@pytest.mark.parametrize(("mode", "colour"), [("RGB", (1, 2, 3)), ("L", 7)])
def test_a_transparent_colour_of_a_picture_without_alpha_is_said(tmp_path, mode, colour):
    Image.new(mode, (4, 4), colour).save(tmp_path / "a.png", transparency=colour)
    (warning,) = decode(tmp_path / "a.png", exif_orientation="ignore").warnings
    assert "is transparent: kept as it is" in warning


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_a_header_of_a_million_pieces_is_refused(monkeypatch, kind):
    """Of 20 MB, Pillow makes 700 MB in half a minute."""
    monkeypatch.setattr(decoding._Pieces, "left", 1000)
    data = encoded(Image.fromarray(PIXELS), kind)
    at = {"JPEG": 2, "PNG": 33, "GIF": data.find(b",")}[kind]
    piece = {"JPEG": b"\xff\xe5\0\2", "PNG": chunk(b"prVt", b""), "GIF": b"!\xfe\1x\0"}[kind]
    assert decode(data[:at] + piece * 10 + data[at:], exif_orientation="ignore").width == 6
    with pytest.raises(PictureError, match="made of more than 1,000,000 pieces"):
        decode(data[:at] + piece * 1000 + data[at:], exif_orientation="ignore")


def test_a_bmp_may_be_read_byte_by_byte(monkeypatch):
    monkeypatch.setattr(decoding._Pieces, "left", 100)
    runs = b"\1\5" * 600  # a pixel of colour 5, again and again
    header = b"BM" + struct.pack("<IHHI", 1078 + len(runs), 0, 0, 1078)
    header += struct.pack("<IiiHHIIiiII", 40, 600, 1, 1, 8, 1, len(runs), 0, 0, 256, 0)
    colours = b"".join(bytes([i, i, i, 0]) for i in range(256))
    assert (pixels(header + colours + runs) == 5).all()


def test_a_jpeg_that_goes_over_its_pixels_for_hours_is_refused():
    """31 bytes a pass, each of which takes half a second at 200 million pixels."""
    data = encoded(Image.fromarray(PIXELS), "JPEG", progressive=True)
    one_pass, end = data[data.rfind(b"\xff\xda") : -2], data[-2:]
    assert decode(data[:-2] + one_pass * 400 + end, exif_orientation="ignore").width == 6
    behind = data + one_pass * 600  # a film, say
    assert decode(behind, exif_orientation="ignore").width == 6
    with pytest.raises(
        PictureError, match=r"goes 6\d\d times over its pixels, and 500 is the limit"
    ):
        decode(data[:-2] + one_pass * 600 + end, exif_orientation="ignore")


def _tiff(width: int, height: int, tile: int) -> bytes:
    tags = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 277: 1, 322: tile, 323: tile}
    tags |= {324: 200, 325: 50}
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + fields + bytes(300)


def test_a_small_picture_in_a_huge_tile_is_refused_before_it_is_unpacked():
    """Its 400 bytes would be 1.6 GB."""
    with pytest.raises(PictureError, match=r"10 x 10 pixels in tiles of 1,600,000,000"):
        decode(_tiff(10, 10, 40_000), exif_orientation="ignore")
    opened = open_picture(_tiff(10, 10, 4_000))
    assert pixels_to_unpack(opened) == 16_000_000
    assert pixels_to_unpack(open_picture(_tiff(10, 16, 8))) == 160


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            png_rgb16([[(1, 2, 3)]]).replace(b"IHDR", b"IHDS"),
            "begins as a PNG .* damaged or cut off",
        ),
        (b"II*\0\x08\0\0\0\0\0", "begins as a TIFF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is a HEIC picture, .*; save it as one of JPEG"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "is an AVIF picture"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "is an SVG drawing"),
        (b"%PDF-1.4\n", "is a PDF document"),
    ],
)
def test_what_is_of_another_kind_or_damaged_from_the_start_is_said_to_be(data, words):
    with pytest.raises(PictureError, match=words):
        decode(data, exif_orientation="ignore")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_an_exif_block_of_which_nothing_can_be_read_is_said():
    """Pillow warns, and goes on as if there were no orientation."""
    damaged = b"Exif\0\0MM\0*" + b"\xff" * 40
    data = encoded(Image.fromarray(PIXELS), "JPEG", exif=damaged)
    (warning,) = decode(data, exif_orientation="ignore").warnings
    assert warning == "the EXIF block is damaged; orientation unknown"
    empty = b"Exif\0\0MM\0*\0\0\0\x08" + bytes(6)
    data = encoded(Image.fromarray(PIXELS), "JPEG", exif=empty)
    assert decode(data, exif_orientation="ignore").warnings == ()


def test_a_memory_too_small_for_the_file_itself_is_said(monkeypatch, tmp_path):
    def read(self, mode):
        raise MemoryError

    (tmp_path / "a.png").write_bytes(b"x")
    monkeypatch.setattr(Path, "open", read)
    with pytest.raises(PictureError, match="memory does not hold this picture"):
        decode(tmp_path / "a.png", exif_orientation="ignore")


def test_an_array_of_16_bits_that_holds_8_is_no_black_picture():
    values = np.full((4, 4, 3), 200, dtype=np.uint16)
    with pytest.raises(PictureError, match="type uint16 is ambiguous"):
        decode(values, exif_orientation="ignore")
    assert np.asarray(decode(values * 256, exif_orientation="ignore").rgb)[0, 0, 0] == 200
    assert not np.asarray(decode(values * 0, exif_orientation="ignore").rgb).any()
