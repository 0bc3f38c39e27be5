"""The entry point: every error has its exit code and its sentence, and a traceback only when asked for."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

from edge_effnet import __version__
from edge_effnet.cli import main
from edge_effnet.cli.main import run
from edge_effnet.errors import (
    ConversionError,
    DataError,
    EdgeEffnetError,
    EnvironmentFault,
    GateError,
    OutputExistsError,
    UnknownNameError,
    UsageError,
)

ERRORS: list[tuple[BaseException, int, str]] = [
    (UsageError("wrong line", got=3, allowed="1 or 2", hint="give 1"), 2, "error: wrong line\n  got: 3\n  allowed: 1 or 2\n  fix: give 1\n"),
    (OutputExistsError("m.tflite"), 2, "--force"),
    (UnknownNameError("model", "b00", ["b0", "b1"]), 2, "did you mean 'b0'?"),
    (EnvironmentFault("no disk"), 3, "error: no disk\n"),
    (DataError("bad file"), 4, "error: bad file\n"),
    (ConversionError("no way"), 5, "error: no way\n"),
    (GateError("not integer"), 6, "error: not integer\n"),
    (EdgeEffnetError("odd"), 1, "error: odd\n"),
    (KeyboardInterrupt(), 130, "interrupted: nothing was written under its final name\n"),
    (MemoryError(), 3, "--calibration-samples"),
    (ZeroDivisionError("by zero"), 1, "error: unexpected ZeroDivisionError: by zero\n  fix: run again with --debug"),
]  # fmt: skip


@pytest.fixture(params=ERRORS, ids=lambda row: type(row[0]).__name__)
def failing(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> tuple[BaseException, int, str]:
    """Put a verb in the place of `list` that does nothing but fail."""
    row: tuple[BaseException, int, str] = request.param
    module = ModuleType("failing_verb")

    def verb() -> None:
        raise row[0]

    module.verb = verb  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "failing_verb", module)
    monkeypatch.setitem(main.VERBS, "list", "failing_verb:verb")
    return row


def test_every_error_has_its_code_and_its_sentence(
    failing: tuple[BaseException, int, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr, in one piece, without a traceback; stdout stays empty."""
    _, code, words = failing
    assert run(["list"]) == code
    out, err = capsys.readouterr()
    assert words in err
    assert "Traceback" not in err
    assert out == ""


def test_debug_shows_the_traceback_and_keeps_the_code(
    failing: tuple[BaseException, int, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever debugs a script still gets the exit code that the script sees."""
    error, code, words = failing
    assert run(["--debug", "list"]) == code
    err = capsys.readouterr().err
    assert words in err
    assert ("Traceback" in err) == (not isinstance(error, KeyboardInterrupt))


def test_an_unknown_command_is_exit_2_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped verb is answered with the nearest one, and with all of them."""
    assert run(["covnert"]) == 2
    err = capsys.readouterr().err
    assert "did you mean 'convert'?" in err
    assert "inspect" in err


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    """In the order of the pipeline."""
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    places = [out.index(f"\n  {verb} ") for verb in main.VERBS]
    assert places == sorted(places)


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    """One line."""
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"edge-effnet {__version__}\n"


def test_python_dash_m_is_the_command() -> None:
    """Promise: `python -m edge_effnet` does what `edge-effnet` does."""
    done = subprocess.run(
        [sys.executable, "-m", "edge_effnet", "--version"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.startswith("edge-effnet ")
