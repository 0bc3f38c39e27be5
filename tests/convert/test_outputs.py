"""The files of a conversion: all or none, and nothing of someone else's."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from edge_effnet.convert.outputs import Outputs
from edge_effnet.errors import EnvironmentFault, OutputExistsError, UsageError
from edge_effnet.progress import Silent

NEW, OLD = b"new model", b"old model"


def _write(folder: Path, name: str = "m.tflite", *, force: bool = False) -> Silent:
    outputs, reporter = Outputs(folder / name, force), Silent()
    outputs.check()
    outputs.write(NEW, {"file": name}, reporter)
    return reporter


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_model_leaves_its_contract_under_two_names(tmp_path: Path) -> None:
    """Its own, and the one that every reader looks for."""
    reporter = _write(tmp_path)
    assert _names(tmp_path) == ["contract.json", "m.contract.json", "m.tflite"]
    assert (tmp_path / "m.tflite").read_bytes() == NEW
    assert json.loads((tmp_path / "contract.json").read_text()) == {"file": "m.tflite"}
    assert reporter.notes == []


def test_a_second_model_leaves_the_first_ones_contract_alone(tmp_path: Path) -> None:
    """Neither forced nor not does a model take the common name from another one; a note says so."""
    _write(tmp_path)
    for force in (False, True):
        reporter = _write(tmp_path, "n.tflite", force=force)
        assert json.loads((tmp_path / "contract.json").read_text()) == {"file": "m.tflite"}
        assert json.loads((tmp_path / "n.contract.json").read_text()) == {"file": "n.tflite"}
        assert "belongs to another model" in reporter.notes[0][1]


def test_an_existing_model_is_kept_unless_forced(tmp_path: Path) -> None:
    """Exit 2 and the file as it was."""
    path = tmp_path / "m.tflite"
    path.write_bytes(OLD)
    with pytest.raises(OutputExistsError):
        _write(tmp_path)
    assert path.read_bytes() == OLD
    _write(tmp_path, force=True)
    assert path.read_bytes() == NEW


@pytest.mark.parametrize("text", ['{"file": "other.tflite"}', "not JSON", "[1]", '{"file": 3}'])
def test_a_file_that_has_the_contracts_name_is_kept_unless_forced(tmp_path: Path, text: str) -> None:
    """Only a contract of this very model is replaced without being asked."""
    path = tmp_path / "m.contract.json"
    path.write_text(text)
    with pytest.raises(OutputExistsError):
        _write(tmp_path)
    assert path.read_text() == text
    assert not (tmp_path / "m.tflite").exists()
    _write(tmp_path, force=True)
    assert json.loads(path.read_text()) == {"file": "m.tflite"}


def test_a_contract_that_lost_its_model_is_replaced(tmp_path: Path) -> None:
    """Whoever deletes a model and converts again need not force."""
    _write(tmp_path)
    (tmp_path / "m.tflite").unlink()
    _write(tmp_path)
    assert (tmp_path / "m.tflite").read_bytes() == NEW


def test_a_model_cannot_have_its_contracts_name(tmp_path: Path) -> None:
    """``-o contract.json`` would be overwritten by what lies beside it."""
    with pytest.raises(UsageError, match="contract"):
        _write(tmp_path, "contract.json")
    assert _names(tmp_path) == []


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    """Refused before the work begins, with the command that makes it."""
    with pytest.raises(UsageError, match="mkdir"):
        _write(tmp_path / "nowhere")


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("exists", [False, True])
def test_a_full_disk_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, exists: bool
) -> None:
    """Whichever of the three files does not fit: no new name, no temporary file, an old model untouched."""
    if exists:
        (tmp_path / "m.tflite").write_bytes(OLD)
    calls: list[Path] = []
    genuine = Path.write_bytes

    def write(path: Path, data: bytes) -> int:
        calls.append(path)
        if len(calls) == failing:
            genuine(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return genuine(path, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(EnvironmentFault, match="No space left") as caught:
        _write(tmp_path, force=exists)
    assert caught.value.exit_code == 3
    assert _names(tmp_path) == (["m.tflite"] if exists else [])
    if exists:
        assert (tmp_path / "m.tflite").read_bytes() == OLD


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_an_interruption_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Ctrl-C between two files is no half of a model."""
    calls: list[Path] = []
    genuine = Path.write_bytes

    def write(path: Path, data: bytes) -> int:
        calls.append(path)
        if len(calls) == failing:
            raise KeyboardInterrupt
        return genuine(path, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(KeyboardInterrupt):
        _write(tmp_path)
    assert _names(tmp_path) == []
