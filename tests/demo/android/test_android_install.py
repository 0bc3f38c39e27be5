"""demo android --install, against a program that stands for adb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from android_stand_ins import ABOUT_RECORD, PhoneWithApps, Tools

from edge_effnet.demo.android.install import REFUSALS, find_device, install
from edge_effnet.demo.android.pack import AndroidRequest, run_android
from edge_effnet.errors import EnvironmentFault, UsageError
from edge_effnet.process import run_program
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PhoneWithApps:
    """A phone that installs and starts apps."""
    found = PhoneWithApps(tmp_path / "phone")
    for name, value in found.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    return found


@pytest.fixture
def apk(tmp_path: Path) -> Path:
    """Return a file to install."""
    path = tmp_path / "app.apk"
    path.write_bytes(b"an app")
    return path


def test_the_app_is_installed_and_started(phone: PhoneWithApps, apk: Path) -> None:
    """Over an older one, on the device that was found, by its own activity."""
    told = install(find_device(), apk, ABOUT_RECORD)
    assert told == {
        "serial": phone.serial,
        "activity": "dev.edgeeffnet.demo/dev.edgeeffnet.demo.CameraActivity",
    }
    assert ["-s", phone.serial, "install", "-r", str(apk)] in phone.calls()
    started = (phone.home / "started").read_text()
    assert started == "start -n dev.edgeeffnet.demo/dev.edgeeffnet.demo.CameraActivity\n"


@pytest.mark.parametrize("code", REFUSALS)
def test_each_refusal_says_what_to_do(phone: PhoneWithApps, apk: Path, code: str) -> None:
    """The package manager's code is kept: it is what one searches for."""
    phone.answers(
        f"Performing Streamed Install\nadb: failed to install app.apk: Failure [{code}: told by the phone]\n",
        1,
    )
    with pytest.raises(EnvironmentFault, match="does not install") as caught:
        install(find_device(), apk, ABOUT_RECORD)
    assert code in str(caught.value.got)
    assert caught.value.hint
    assert "{" not in caught.value.hint


def test_a_refusal_that_nobody_knows_is_shown_as_it_is(phone: PhoneWithApps, apk: Path) -> None:
    """With the phone's own words; also where adb forgets to fail."""
    phone.answers("Failure [INSTALL_FAILED_OF_TOMORROW]\n", 0)
    with pytest.raises(EnvironmentFault) as caught:
        install(find_device(), apk, ABOUT_RECORD)
    assert "INSTALL_FAILED_OF_TOMORROW" in str(caught.value.got)


def test_an_app_that_does_not_start_is_told(phone: PhoneWithApps, apk: Path) -> None:
    """Installed is not running."""
    phone.set(start="Error type 3\nError: Activity class {x} does not exist.\n")
    with pytest.raises(EnvironmentFault, match="did not start"):
        install(find_device(), apk, ABOUT_RECORD)


@pytest.mark.parametrize(
    ("devices", "error", "complaint"),
    [
        ("", EnvironmentFault, "no device"),
        ("A device\nB device\n", UsageError, "several devices"),
        ("A unauthorized usb:1\n", EnvironmentFault, "unauthorized"),
    ],
)
def test_without_one_usable_phone_nothing_is_built(
    phone: PhoneWithApps,
    colours: Callable[..., Path],
    base: Path,
    tmp_path: Path,
    tools: Tools,
    devices: str,
    error: type[Exception],
    complaint: str,
) -> None:
    """The phone is looked for before the work, not after it."""
    phone.set(devices=devices)
    played: list[Any] = []

    def runner(argv: Any, **options: Any) -> Any:
        if argv[0] == str(phone.program):
            return run_program(argv, **options)
        played.append(argv)
        return tools(argv, **options)

    request = AndroidRequest(colours(), tmp_path / "app.apk", install=True, base=base)
    with pytest.raises(error, match=complaint):
        run_android(request, Silent(), runner=runner)
    assert played == []
    assert not (tmp_path / "app.apk").exists()
