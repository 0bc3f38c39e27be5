"""The command `edge-effnet convert`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tensorflow", reason="the extra edge-effnet[convert] is not installed")

from edge_effnet.artifacts import sha256_of_file
from edge_effnet.cli.main import run
from edge_effnet.convert import pipeline
from edge_effnet.schemas import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_effnet.models import BuiltModel

    Capture = pytest.CaptureFixture[str]

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = ["--model", "lite0", "--weights", "random", "--resolution", "64", "--num-classes", "10"]
QUICK = [*SMALL, "--calibration-samples", "8"]
COMMAND = [sys.executable, "-c", "from edge_effnet.cli.main import main; main()", "convert", *QUICK]


@pytest.fixture
def one_build(built_model: Callable[[str, int], BuiltModel], monkeypatch: pytest.MonkeyPatch) -> None:
    """Take Lite0 at 64 px from a model that is built once, for tests of what comes after."""
    monkeypatch.setattr(pipeline, "build", lambda *_, **__: built_model("lite0", 64))


@pytest.fixture
def no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be built: what is refused is refused before the work begins."""

    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("the model was built before the error was found")

    monkeypatch.setattr(pipeline, "build", refuse)


def _convert(*arguments: str | Path, options: list[str] = QUICK) -> int:
    return run(["convert", *options, *map(str, arguments)])


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- what it says ----


def test_json_is_one_document_with_the_fixed_keys(tmp_path: Path, capsys: Capture) -> None:
    """Every key that scripts rely on, no other output on stdout, and the values are true of the file."""
    path = tmp_path / "m.tflite"
    assert _convert("--int8", "-o", path, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record.keys() >= {
        "path", "sha256", "size_bytes", "recipe", "weights", "calibration", "io", "seconds", "peak_rss_bytes",
    }  # fmt: skip
    assert record["weights"].keys() >= {"source", "sha256"}
    assert record["calibration"].keys() == {"id", "sha256", "count"}
    assert record["io"].keys() == {"input", "output"}
    assert all(side.keys() == {"dtype", "shape", "scale", "zero_point"} for side in record["io"].values())
    jsonschema.validate(record, read_schema("convert"))
    assert record["path"] == str(path)
    assert record["sha256"] == sha256_of_file(path)
    assert record["size_bytes"] == path.stat().st_size
    assert record["io"]["input"] == {"dtype": "int8", "shape": [1, 64, 64, 3], "scale": 1.0, "zero_point": -1}
    assert record["seconds"].keys() >= {"build", "freeze", "calibration images", "quantize", "write"}
    assert record["peak_rss_bytes"] > 50_000_000


@pytest.mark.usefixtures("one_build")
def test_people_get_stages_facts_and_the_next_command(tmp_path: Path, capsys: Capture) -> None:
    """Path, hash, what it was made from, and commands to copy; warnings on stderr."""
    path = tmp_path / "a model.tflite"
    assert _convert("-o", path) == 0
    out, err = capsys.readouterr()
    assert sha256_of_file(path) in out
    assert "lite0 at 64 px, w8a8, recipe ptq" in out
    assert "synthetic-v1, 8 images" in out
    assert f"next: edge-effnet inspect '{path}'" in out
    assert "no --calibration given" in err


@pytest.mark.usefixtures("one_build")
def test_without_a_name_the_file_says_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Model, resolution and precision, in the current folder."""
    monkeypatch.chdir(tmp_path)
    assert _convert() == 0
    assert _names(tmp_path) == ["contract.json", "lite0_64_w8a8.contract.json", "lite0_64_w8a8.tflite"]


@pytest.mark.usefixtures("one_build")
@pytest.mark.parametrize(
    ("options", "dtype"),
    [
        (["--precision", "fp16"], "float32"),
        (["--precision", "float32"], "float32"),
        (["--precision", "w8-dynamic"], "float32"),
        (["--io", "uint8"], "uint8"),
        (["--io", "float32"], "float32"),
        (["--recipe", "ranges"], "int8"),
        (["--recipe", "minmax-direct"], "int8"),
        (["--recipe", "minmax"], "int8"),
        (["--recipe", "minmax", "--io", "float32"], "float32"),
    ],
)
def test_every_precision_interface_and_recipe_ends_well(
    options: list[str], dtype: str, tmp_path: Path, capsys: Capture
) -> None:
    """One command each, and the record says what was made."""
    assert _convert(*options, "-o", tmp_path / "m.tflite", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["io"]["input"]["dtype"] == record["io"]["output"]["dtype"] == dtype
    integer = record["precision"] == "w8a8"
    assert (record["recipe"] is not None) == (record["calibration"] is not None) == integer
    jsonschema.validate(record, read_schema("convert"))


@pytest.mark.usefixtures("one_build")
def test_the_result_passes_the_gate_of_inspect(tmp_path: Path, capsys: Capture) -> None:
    """What is written declares its own interface: `inspect` without options agrees, whatever the interface."""
    for io in ("int8", "uint8", "float32"):
        path = tmp_path / f"{io}.tflite"
        assert _convert("--io", io, "-o", path) == 0
        assert run(["inspect", str(path), "--json"]) == 0
    capsys.readouterr()


@pytest.mark.usefixtures("one_build")
def test_labels_are_taken_from_a_file_that_fits(tmp_path: Path, capsys: Capture) -> None:
    """Ten names for ten classes go into the contract; nine are exit 4."""
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"class {number}" for number in range(9)))
    assert _convert("--labels", labels, "-o", tmp_path / "m.tflite") == 4
    assert "9 lines" in capsys.readouterr().err
    labels.write_text("\n".join(f"class {number}" for number in range(10)))
    assert _convert("--labels", labels, "-o", tmp_path / "m.tflite") == 0
    assert json.loads((tmp_path / "contract.json").read_text())["labels"][9] == "class 9"


# ---- what it refuses before the work begins ----


@pytest.mark.usefixtures("no_build")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "b0", "--int8", "--precision", "fp16"], "--int8 and --precision disagree"),
        (["--model", "b00"], "did you mean 'b0'?"),
        (["--model", "efficientnet-lite3"], "did you mean 'lite3'?"),
        (["--model", "b0", "--recipe", "min-max"], "did you mean 'minmax'?"),
        (["--model", "b0", "--io", "int16"], "did you mean 'int8'?"),
        (["--model", "b0", "--precision", "fp32"], "did you mean"),
        (["--model", "b0", "--calibration-samples", "0"], "1 or more"),
        (["--model", "b0", "--seed", "-3"], "0 or more"),
        (["--model", "b0", "--resolution", "16"], "32 to 2048"),
        (["--model", "b0", "--precision", "fp16", "--io", "uint8"], "--io belongs to --int8"),
        (["--model", "b0", "-o", "no/such/folder/m.tflite"], "mkdir -p"),
        (["--model", "b0", "-o", "."], "is a folder"),
        (["--calibration", "x"], "--model"),
        (["--model", "b0", "--resolution", "large"], "'--resolution'"),
    ],
)
def test_a_wrong_command_line_is_exit_2(
    arguments: list[str], words: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what was given and what would do, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    assert run(["convert", *arguments]) == 2
    out, err = capsys.readouterr()
    assert words in err
    assert out == ""
    assert _names(tmp_path) == []


@pytest.mark.usefixtures("no_build")
def test_an_existing_file_is_kept_without_force(tmp_path: Path, capsys: Capture) -> None:
    """Exit 2, the file as it was, and the way out."""
    path = tmp_path / "m.tflite"
    path.write_bytes(b"precious")
    assert _convert("-o", path) == 2
    assert "--force" in capsys.readouterr().err
    assert path.read_bytes() == b"precious"
    assert _names(tmp_path) == ["m.tflite"]


@pytest.mark.usefixtures("one_build")
def test_force_replaces_the_file_and_its_contract(tmp_path: Path) -> None:
    """The whole of it, and no temporary file stays."""
    path = tmp_path / "m.tflite"
    path.write_bytes(b"precious")
    assert _convert("-o", path, "--force") == 0
    assert path.read_bytes()[4:8] == b"TFL3"
    assert json.loads((tmp_path / "m.contract.json").read_text())["sha256"] == sha256_of_file(path)
    assert _names(tmp_path) == ["contract.json", "m.contract.json", "m.tflite"]


# ---- weights ----


def test_missing_weights_are_exit_4(tmp_path: Path, capsys: Capture) -> None:
    """The path is in the message."""
    path = tmp_path / "nowhere.h5"
    assert _convert("--weights", path, "-o", tmp_path / "m.tflite") == 4
    assert str(path) in capsys.readouterr().err
    assert _names(tmp_path) == []


def _other_variant(path: Path, built: BuiltModel) -> None:
    built.keras.save_weights(path)


def _garbage(path: Path, built: BuiltModel) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def _truncated(path: Path, built: BuiltModel) -> None:
    built.keras.save_weights(path)
    os.truncate(path, path.stat().st_size // 2)


def _empty(path: Path, built: BuiltModel) -> None:
    path.touch()


@pytest.mark.parametrize("damage", [_other_variant, _garbage, _truncated, _empty])
def test_wrong_weights_are_exit_4_and_named(
    damage: Callable[[Path, BuiltModel], None],
    built_model: Callable[[str, int], BuiltModel],
    tmp_path: Path,
    capsys: Capture,
) -> None:
    """Another variant's file, noise, half a file, nothing: one sentence with the file's name, and no model."""
    path = tmp_path / "wrong.h5"
    damage(path, built_model("b0", 64))
    assert _convert("--weights", path, "-o", tmp_path / "m.tflite") == 4
    err = capsys.readouterr().err
    assert "wrong.h5" in err
    assert "Traceback" not in err
    assert _names(tmp_path) == ["wrong.h5"]


# ---- the place it writes to ----


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a file system in memory with the options that are given; unmounted afterwards."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = []

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, check=False, text=True)
        except OSError as error:
            pytest.skip(f"no mount command here: {error}")
        if done.returncode:
            pytest.skip(f"mounting a small disk is not permitted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.usefixtures("one_build")
@pytest.mark.parametrize("room", ["64k", "3800k", "3980k"])
def test_a_full_disk_is_exit_3_and_leaves_nothing(
    small_disk: Callable[[str], Path], room: str, capsys: Capture
) -> None:
    """No room for the model, for the last of it, or for its contract: no file under any name."""
    folder = small_disk(f"size={room}")
    assert _convert("-o", folder / "m.tflite") == 3
    assert "No space left" in capsys.readouterr().err
    assert _names(folder) == []


@pytest.mark.usefixtures("no_build")
def test_a_folder_that_cannot_be_written_is_exit_3(
    small_disk: Callable[[str], Path], capsys: Capture
) -> None:
    """Found before the work begins."""
    folder = small_disk("ro")
    assert _convert("-o", folder / "m.tflite") == 3
    assert "cannot be written" in capsys.readouterr().err


_SIGNALLING = """
import sys
from edge_effnet.cli.main import main
from edge_effnet.convert import pipeline
genuine = pipeline.{function}
def tell(*arguments, **options):
    print("now", flush=True)
    return genuine(*arguments, **options)
pipeline.{function} = tell
main()
"""


@pytest.mark.parametrize(
    ("function", "exists"), [("quantize_by_reconstruction", False), ("golden_vectors", True)]
)
def test_ctrl_c_is_exit_130_and_leaves_everything_as_it_was(
    tmp_path: Path, function: str, exists: bool
) -> None:
    """In the middle of the work, or shortly before the end: no file, no temporary file, an old model untouched."""
    path = tmp_path / "m.tflite"
    if exists:
        path.write_bytes(b"precious")
    arguments = [*SMALL, "--calibration-samples", "300", "-o", str(path), "--force"]
    process = subprocess.Popen(
        [sys.executable, "-c", _SIGNALLING.format(function=function), "convert", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err
    assert out == ""
    assert _names(tmp_path) == (["m.tflite"] if exists else [])
    if exists:
        assert path.read_bytes() == b"precious"


def test_converting_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """In another process with another hash seed, under another name."""
    assert _convert("-o", tmp_path / "first.tflite") == 0
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    other = tmp_path / "second.tflite"
    subprocess.run([*COMMAND, "-o", str(other)], check=True, capture_output=True, cwd=ROOT, env=environment)
    assert (tmp_path / "first.tflite").read_bytes() == other.read_bytes()


# ---- calibration pictures ----


def _picture(seed: int, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), np.uint8)
    return Image.fromarray(pixels).resize((80, 72), Image.Resampling.BICUBIC).convert(mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight good pictures: the fewest that are enough."""
    place = tmp_path / "pictures"
    place.mkdir()
    for number in range(8):
        _picture(number).save(place / f"good{number}.jpg", quality=95)
    return place


def _corrupted(path: Path) -> None:
    data = bytearray((path / "good0.jpg").read_bytes())
    (path / "odd.jpg").write_bytes(data[: len(data) // 3])


def _not_a_picture(path: Path) -> None:
    (path / "odd.jpg").write_text("hello")


def _sixteen_bits(path: Path) -> None:
    grey = np.random.default_rng(1).integers(0, 65536, (70, 70), np.uint16)
    Image.fromarray(grey).save(path / "odd.png")


def _cmyk(path: Path) -> None:
    _picture(50, "CMYK").save(path / "odd.jpg")


def _rotated(path: Path) -> None:
    picture = _picture(51)
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(path / "odd.jpg", exif=exif)


def _grayscale(path: Path) -> None:
    _picture(52, "L").save(path / "odd.jpg")


def _bomb(path: Path) -> None:
    Image.new("1", (30_000, 30_000)).save(path / "odd.png")


READABLE = [_sixteen_bits, _cmyk, _rotated, _grayscale]
UNREADABLE = [_corrupted, _not_a_picture, _bomb]


@pytest.mark.usefixtures("one_build")
@pytest.mark.parametrize("odd", READABLE)
def test_pictures_of_other_kinds_are_used_like_any_other(
    odd: Callable[[Path], None], folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    """16-bit, CMYK, turned by EXIF, gray: all nine count."""
    odd(folder)
    options = [*SMALL, "--calibration", str(folder), "-o", str(tmp_path / "m.tflite"), "--json"]
    assert run(["convert", *options]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["calibration"]["count"] == 9
    assert "cannot be read" not in err


@pytest.mark.usefixtures("one_build")
@pytest.mark.parametrize("odd", UNREADABLE)
def test_a_picture_that_cannot_be_read_is_listed_and_left_out(
    odd: Callable[[Path], None], folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Never fatal while enough remain; the file is named with the reason."""
    odd(folder)
    options = [*SMALL, "--calibration", str(folder), "-o", str(tmp_path / "m.tflite"), "--json"]
    assert run(["convert", *options]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["calibration"]["count"] == 8
    assert "1 files cannot be read" in err
    assert "odd." in err


@pytest.mark.usefixtures("one_build")
@pytest.mark.parametrize("odd", UNREADABLE)
def test_too_few_readable_pictures_are_exit_4(
    odd: Callable[[Path], None], folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Seven good ones and one that cannot be read: said with both numbers, and nothing is written."""
    odd(folder)
    (folder / "good7.jpg").unlink()
    options = [*SMALL, "--calibration", str(folder), "-o", str(tmp_path / "m.tflite")]
    assert run(["convert", *options]) == 4
    err = capsys.readouterr().err
    assert "only 7 pictures can be read, at least 8 are needed" in err
    assert "odd." in err
    assert _names(tmp_path) == ["pictures"]


@pytest.mark.usefixtures("one_build")
def test_folders_without_pictures_are_exit_4(tmp_path: Path, capsys: Capture) -> None:
    """No folder, an empty one, one with other files, one with a single broken picture."""
    empty, other, broken = tmp_path / "empty", tmp_path / "other", tmp_path / "broken"
    for place in (empty, other, broken):
        place.mkdir()
    (other / "notes.txt").write_text("hello")
    _not_a_picture(broken)
    for place in (tmp_path / "nowhere", empty, other, broken):
        assert _convert("--calibration", place, "-o", tmp_path / "m.tflite") == 4
        err = capsys.readouterr().err
        assert place.name in err
        assert "Traceback" not in err
    assert _names(tmp_path) == ["broken", "empty", "other"]


@pytest.mark.usefixtures("one_build")
def test_one_picture_is_too_few_unless_one_was_asked_for(tmp_path: Path, capsys: Capture) -> None:
    """By default exit 4 with the number that is needed; `--calibration-samples 1` is someone's own decision."""
    place = tmp_path / "pictures"
    place.mkdir()
    _picture(0).save(place / "only.png")
    options = [*SMALL, "--calibration", str(place), "-o", str(tmp_path / "m.tflite"), "--json"]
    assert run(["convert", *options]) == 4
    assert "at least 8" in capsys.readouterr().err
    assert run(["convert", *options, "--calibration-samples", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["calibration"]["count"] == 1


@pytest.mark.usefixtures("one_build")
def test_pictures_that_the_model_is_judged_on_are_refused(
    folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    """A calibration picture in the evaluation folder is exit 4 and named."""
    judged = tmp_path / "judged"
    judged.mkdir()
    (judged / "copy.jpg").write_bytes((folder / "good3.jpg").read_bytes())
    options = [*SMALL, "--calibration", str(folder), "--data", str(judged), "-o", str(tmp_path / "m.tflite")]
    assert run(["convert", *options]) == 4
    err = capsys.readouterr().err
    assert "evaluation set" in err
    assert "good3.jpg = copy.jpg" in err


@pytest.mark.usefixtures("one_build")
def test_an_array_of_pixels_must_be_raw_and_of_the_models_size(tmp_path: Path, capsys: Capture) -> None:
    """uint8 at 64 px is used; another size, another type or no array at all is exit 4 with the file's name."""
    path = tmp_path / "pixels.npy"
    arrays = {0: (64, np.uint8), 4: (32, np.uint8), 5: (64, np.float32)}
    for code, (side, dtype) in arrays.items():
        np.save(path, np.random.default_rng(0).integers(0, 256, (9, side, side, 3)).astype(dtype))
        options = [*SMALL, "--calibration", str(path), "-o", str(tmp_path / f"{code}.tflite")]
        assert run(["convert", *options]) == min(code, 4)
        assert ("pixels.npy" in capsys.readouterr().err) == (code != 0)
    path.write_bytes(b"no array")
    assert run(["convert", *SMALL, "--calibration", str(path), "-o", str(tmp_path / "m.tflite")]) == 4
    assert "pixels.npy" in capsys.readouterr().err


@pytest.mark.usefixtures("one_build")
def test_an_unknown_set_is_exit_2_with_a_suggestion(tmp_path: Path, capsys: Capture) -> None:
    """A name that looks like a set's is answered with the nearest one."""
    assert _convert("--calibration", "synthetik-v1", "-o", tmp_path / "m.tflite") == 2
    assert "did you mean 'synthetic-v1'?" in capsys.readouterr().err


@pytest.mark.usefixtures("one_build")
def test_the_same_pictures_are_chosen_by_the_seed(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """Two seeds choose different pictures from a folder with more than enough; the same seed the same ones."""
    for number in range(8, 24):
        _picture(number).save(folder / f"more{number}.png")
    hashes = []
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        options = ["--calibration", folder, "--seed", seed, "-o", tmp_path / f"{name}.tflite", "--json"]
        assert _convert(*options) == 0
        hashes.append(json.loads(capsys.readouterr().out)["calibration"]["sha256"])
    assert hashes[0] == hashes[1] != hashes[2]
