"""Promises of the one preprocessing."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edge_effnet import images
from edge_effnet.errors import DataError, UnknownNameError, UsageError
from edge_effnet.images import Preprocessing, list_images, load_pixels, pixels_from_image, preprocess_array

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = Preprocessing(16, crop_fraction=1.0, resample="nearest")


def gradient(height: int, width: int) -> np.ndarray:
    """A picture in which every pixel differs."""
    rows, columns = np.mgrid[:height, :width]
    planes = (rows * 255 // max(1, height - 1), columns * 255 // max(1, width - 1), (rows + columns) % 256)
    return np.stack(planes, axis=-1).astype(np.uint8)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return one PNG chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write_png(path: Path, colour_type: int, samples: np.ndarray) -> Path:
    """Write a 16-bit PNG byte by byte, so that no encoder's opinion is part of the test."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    side=st.integers(1, 64),
    fraction=st.floats(0.05, 1.0),
    resample=st.sampled_from(sorted(images.RESAMPLE_FILTERS)),
    level=st.integers(0, 255),
)
@settings(max_examples=60, deadline=None)
def test_a_picture_of_any_size_becomes_the_square_and_keeps_a_constant_colour(
    width: int, height: int, side: int, fraction: float, resample: str, level: int
) -> None:
    """Shape and type never depend on the picture, and one colour stays exactly that colour."""
    flat = np.full((height, width, 3), (level, 255 - level, 7), np.uint8)
    pixels = preprocess_array(flat, Preprocessing(side, fraction, resample))
    assert pixels.shape == (side, side, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == flat[0, 0]).all()


@given(
    data=st.data(),
    width=st.integers(2, 60),
    height=st.integers(2, 60),
    side=st.integers(2, 40),
    resample=st.sampled_from(["bicubic", "bilinear", "lanczos"]),
)
@settings(max_examples=60, deadline=None)
def test_a_mirrored_picture_gives_the_mirrored_square(
    data: st.DataObject, width: int, height: int, side: int, resample: str
) -> None:
    """The crop has no favourite side, whatever is odd or even: flipping commutes within one level."""
    seed = data.draw(st.integers(0, 2**32 - 1))
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    preprocessing = Preprocessing(side, data.draw(st.sampled_from([0.5, 0.875, 1.0])), resample)
    straight = preprocess_array(picture, preprocessing)[:, ::-1]
    mirrored = preprocess_array(picture[:, ::-1], preprocessing)
    assert np.abs(straight.astype(int) - mirrored.astype(int)).max() <= 1


def test_the_crop_is_the_documented_central_square() -> None:
    """A crop at its own size copies exactly the pixels that the docstring names."""
    picture = gradient(40, 64)
    preprocessing = Preprocessing(35, 0.875, "bicubic")
    assert preprocessing.crop_side_px(64, 40) == 35
    even = preprocess_array(picture[:, :63], preprocessing)
    assert (even[:, 0] != even[:, -1]).any()
    exact = preprocess_array(gradient(41, 63), Preprocessing(35, 0.85, "nearest"))
    assert (exact == gradient(41, 63)[3:38, 14:49]).all()


def test_reduction_is_antialiased() -> None:
    """A fine checkerboard becomes gray, not black and white."""
    board = ((np.add.outer(np.arange(256), np.arange(256)) % 2) * 255).astype(np.uint8)
    pixels = preprocess_array(np.repeat(board[..., None], 3, axis=2), Preprocessing(32, 1.0, "bilinear"))
    assert np.abs(pixels.astype(int) - 127).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    """All eight EXIF orientations of one scene give the upright scene."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = Image.fromarray(gradient(16, 16))
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    for suffix in ("png", "tiff"):
        path = tmp_path / f"turned.{suffix}"
        stored.save(path, exif=exif)
        assert (load_pixels(path, WHOLE) == gradient(16, 16)).all()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_damaged_exif_block_counts_as_upright(tmp_path: Path) -> None:
    """Garbage in the metadata does not cost the picture."""
    path = tmp_path / "odd.jpg"
    Image.fromarray(gradient(16, 16)).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\xff", quality=95)
    assert load_pixels(path, WHOLE).shape == (16, 16, 3)


def test_a_grayscale_picture_has_three_equal_channels(tmp_path: Path) -> None:
    """Mode L and mode 1 are repeated on R, G and B."""
    gray = gradient(16, 16)[..., 0]
    for name, image in (("l.png", Image.fromarray(gray)), ("1.png", Image.fromarray(gray).convert("1"))):
        image.save(tmp_path / name)
        pixels = load_pixels(tmp_path / name, WHOLE)
        assert (pixels[..., 0] == pixels[..., 1]).all()
        assert (pixels[..., 0] == pixels[..., 2]).all()
    assert (load_pixels(tmp_path / "l.png", WHOLE)[..., 0] == gray).all()


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    """Clear is white, opaque is itself, half is half: for RGBA, LA, palettes and PNG's one clear colour."""
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[:8, :, 3] = 255
    rgba[8:12, :, 3] = 128
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    pixels = load_pixels(tmp_path / "rgba.png", WHOLE)
    assert (pixels[0] == 0).all()
    assert (np.abs(pixels[10].astype(int) - 127) <= 1).all()
    assert (pixels[15] == 255).all()

    Image.fromarray(rgba).convert("LA").save(tmp_path / "la.png")
    assert (load_pixels(tmp_path / "la.png", WHOLE) == pixels).all()

    flat = Image.fromarray(np.repeat(np.arange(16, dtype=np.uint8)[:, None] // 8, 16, axis=1))
    palette = flat.convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.save(tmp_path / "p.png", transparency=bytes([255, 0]))
    pixels = load_pixels(tmp_path / "p.png", WHOLE)
    assert tuple(pixels[0, 0]) == (10, 20, 30)
    assert tuple(pixels[15, 0]) == (255, 255, 255)

    Image.new("RGB", (16, 16), (1, 2, 3)).save(tmp_path / "key.png", transparency=(1, 2, 3))
    assert (load_pixels(tmp_path / "key.png", WHOLE) == 255).all()


def test_cmyk_is_converted(tmp_path: Path) -> None:
    """A CMYK JPEG, as print shops send it, has its colours and not their negative."""
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(path, quality=100, subsampling=0)
    red, green, blue = load_pixels(path, WHOLE)[8, 8].astype(int)
    assert red > 250
    assert green < 5
    assert blue < 5


def test_sixteen_bit_samples_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    """16-bit gray and 16-bit RGB of the same scene agree with each other and with 8 bits."""
    eight = gradient(16, 16)[..., 0]
    sixteen = eight.astype(np.uint16) * 257
    gray = load_pixels(write_png(tmp_path / "gray.png", 0, sixteen), WHOLE)
    colour = load_pixels(write_png(tmp_path / "rgb.png", 2, np.repeat(sixteen[..., None], 3, axis=2)), WHOLE)
    Image.fromarray(sixteen).save(tmp_path / "gray.tiff")
    assert (gray[..., 0] == eight).all()
    assert (colour == gray).all()
    assert (load_pixels(tmp_path / "gray.tiff", WHOLE) == gray).all()


def test_the_first_frame_of_an_animation_is_used(tmp_path: Path) -> None:
    """A GIF's first frame is the picture."""
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    assert tuple(load_pixels(tmp_path / "two.gif", WHOLE)[0, 0]) == (255, 0, 0)


def bomb(path: Path) -> None:
    """A small file that claims 72 million pixels, below Pillow's own limit."""
    header = struct.pack(">IIBBBBB", 9000, 8000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b""))
    )


def huge_bomb(path: Path) -> None:
    """A small file that claims 3.6 billion pixels."""
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b""))
    )


def truncated(path: Path) -> None:
    """A JPEG cut in the middle."""
    Image.fromarray(gradient(64, 64)).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:400])


def corrupted(path: Path) -> None:
    """A PNG with zeros over its compressed data."""
    Image.fromarray(gradient(64, 64)).save(path, "PNG")
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(bytes(data))


def text(path: Path) -> None:
    """A text file."""
    path.write_text("this is no picture")


def float_samples(path: Path) -> None:
    """A TIFF of float samples, whose range nobody has agreed."""
    Image.fromarray(np.zeros((8, 8), np.float32)).save(path, "TIFF")


@pytest.mark.parametrize(
    "make",
    [bomb, huge_bomb, truncated, corrupted, text, float_samples, lambda p: p.touch(), lambda p: p.mkdir()],
)
def test_a_bad_picture_is_a_data_error_that_names_the_file(tmp_path: Path, make: object) -> None:
    """Bombs, cut, damaged, foreign, empty files and folders: exit code 4, the file's name, and what to do."""
    path = tmp_path / "bad.jpg"
    make(path)  # type: ignore[operator]
    with pytest.raises(DataError, match=r"bad\.jpg"):
        load_pixels(path, WHOLE)


@pytest.mark.parametrize("make", [bomb, huge_bomb])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path, make: object) -> None:
    """The size in the header is enough to refuse it."""
    make(tmp_path / "bomb.png")  # type: ignore[operator]
    with pytest.raises(DataError, match=r"too large|exceeds limit"):
        load_pixels(tmp_path / "bomb.png", WHOLE)


def test_a_missing_picture_is_a_data_error(tmp_path: Path) -> None:
    """A file that is not there is exit code 4."""
    with pytest.raises(DataError, match="absent"):
        load_pixels(tmp_path / "absent.png", WHOLE)


@given(
    data=st.binary(max_size=300),
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]),
    cut=st.floats(0, 1),
)
@settings(max_examples=150, deadline=None)
def test_damage_of_any_kind_is_a_data_error_or_a_picture(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str, cut: float
) -> None:
    """Whatever is spliced into a file, nothing but DataError comes out."""
    path = tmp_path_factory.mktemp("fuzz") / "fuzz.img"
    Image.fromarray(gradient(24, 24)).save(path, kind)
    whole = path.read_bytes()
    place = int(cut * len(whole))
    path.write_bytes(whole[:place] + data + whole[place + len(data) :])
    try:
        pixels = load_pixels(path, WHOLE)
    except DataError as error:
        assert "fuzz.img" in str(error)  # noqa: PT017
    else:
        assert pixels.shape == (16, 16, 3)


def test_a_camera_frame_goes_the_same_way_as_a_file(tmp_path: Path) -> None:
    """An array and a lossless file of it give the same pixels, also for views with negative strides."""
    frame = gradient(50, 70)[:, ::-1]
    Image.fromarray(np.ascontiguousarray(frame)).save(tmp_path / "frame.png")
    preprocessing = Preprocessing(24)
    assert (
        preprocess_array(frame, preprocessing) == load_pixels(tmp_path / "frame.png", preprocessing)
    ).all()


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 4), (0, 8, 3), (1, 8, 8, 3)])
def test_a_frame_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    """Only (height, width, 3) is a frame."""
    with pytest.raises(DataError, match="uint8"):
        preprocess_array(np.zeros(shape, np.uint8), WHOLE)


def test_a_float_frame_is_refused() -> None:
    """A frame that was scaled to 0..1 would become black; it is refused."""
    with pytest.raises(DataError, match="float32"):
        preprocess_array(np.zeros((8, 8, 3), np.float32), WHOLE)  # type: ignore[arg-type]


def test_the_record_reads_back() -> None:
    """What goes into contract.json comes back as the same preprocessing."""
    preprocessing = Preprocessing(240, 0.9, "lanczos")
    record = preprocessing.to_record()
    assert Preprocessing.from_record(record) == preprocessing
    assert record["alpha_over"] == "white"
    assert record["schema"] == "edge-effnet/preprocessing/1"


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "other"},
        {"resolution_px": None},
        {"resolution_px": 0},
        {"resample": "magic"},
        {"crop_fraction": "x"},
    ],
)
def test_a_damaged_record_is_a_data_error(change: dict[str, object]) -> None:
    """A contract of another version or with unusable fields is refused."""
    with pytest.raises(DataError):
        Preprocessing.from_record({**Preprocessing(8).to_record(), **change})


def test_a_record_without_a_field_is_a_data_error() -> None:
    """A missing field is not filled in by a guess."""
    record = Preprocessing(8).to_record()
    del record["crop_fraction"]
    with pytest.raises(DataError):
        Preprocessing.from_record(record)


def test_ids_tell_preprocessings_apart() -> None:
    """Two preprocessings have the same id only when they are the same."""
    variants = [
        Preprocessing(224),
        Preprocessing(240),
        Preprocessing(224, 0.9),
        Preprocessing(224, resample="box"),
    ]
    assert len({preprocessing.id for preprocessing in variants}) == len(variants)


def test_a_mistyped_filter_gets_a_suggestion() -> None:
    """An unknown filter is a usage error with "did you mean"."""
    with pytest.raises(UnknownNameError, match="did you mean 'bicubic'"):
        Preprocessing(8, resample="bicubik")


@pytest.mark.parametrize(
    ("side", "fraction"), [(0, 0.5), (-1, 0.5), (5000, 0.5), (8, 0.0), (8, 1.1), (8, float("nan"))]
)
def test_numbers_out_of_range_are_usage_errors(side: int, fraction: float) -> None:
    """Resolution and crop fraction have limits that the error names."""
    with pytest.raises(UsageError, match="allowed"):
        Preprocessing(side, fraction)


def test_pictures_are_listed_in_one_order(tmp_path: Path) -> None:
    """Recursive, by relative name, any case of suffix, without hidden and other files, links followed once."""
    for name in ("b/2.JPG", "b/10.png", "a.webp", ".hidden.png", ".git/x.png", "notes.txt", "B/x.jpeg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "b" / "loop").symlink_to(tmp_path, target_is_directory=True)
    names = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert names == ["B/x.jpeg", "a.webp", "b/10.png", "b/2.JPG"]


def test_a_missing_folder_is_a_data_error(tmp_path: Path) -> None:
    """A folder that is not there is exit code 4."""
    with pytest.raises(DataError, match="does not exist"):
        list_images(tmp_path / "absent")


def test_pillow_pictures_are_accepted_in_any_mode() -> None:
    """A caller's own picture is made RGB by the same rules as a file."""
    assert pixels_from_image(Image.new("LA", (9, 5), (0, 0)), WHOLE).min() == 255
