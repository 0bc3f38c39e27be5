"""demo android from model to signed APK, with apksigner and keytool played: order, refusals, passwords, whole or not at all."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from android_stand_ins import DIGEST, VERIFIED, Tools, base_apk

from edge_effnet.demo.android.pack import AndroidRequest, run_android
from edge_effnet.errors import ConversionError, EnvironmentFault, OutputExistsError, UsageError
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "correct horse battery staple"  # noqa: S105 - what must not be seen


@pytest.fixture
def ask(
    colours: Callable[..., Path], base: Path, tmp_path: Path, tools: Tools
) -> Callable[..., dict[str, Any]]:
    """Run it with the tiny model, the base that stands for one, and the tools that are played."""
    model = colours()

    def run(**options: Any) -> dict[str, Any]:
        request = AndroidRequest(model, **{"output": tmp_path / "app.apk", "base": base} | options)
        return run_android(request, Silent(), runner=tools)

    return run


def test_the_model_in_the_apk_is_the_file(ask: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    """Byte for byte, stored; the record has its hash and whose key it is signed with."""
    record = ask()
    model = Path(record["model"]["path"])
    with zipfile.ZipFile(tmp_path / "app.apk") as archive:
        assert archive.read("assets/model.tflite") == model.read_bytes()
        assert archive.getinfo("assets/model.tflite").compress_type == zipfile.ZIP_STORED
    apk = record["apk"]
    assert apk["signature"]["certificate_sha256"] == DIGEST
    assert apk["signature"]["kind"] == "debug"
    assert not apk["signature"]["can_be_published"]
    assert apk["package"] == "dev.edgeeffnet.demo"
    assert apk["base"]["origin"] == "given"


def test_libraries_for_small_pages_are_told(ask: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    """A phone with larger ones may not load them; libraries for both have nothing to tell."""
    assert any("pages of 4096" in note for note in ask()["notes"])
    large = base_apk(tmp_path / "large.apk", alignment=16384)
    assert ask(base=large, force=True)["notes"] == []


def test_the_debug_key_is_made_once_and_for_its_owner_alone(
    ask: Callable[..., dict[str, Any]], tools: Tools, cache: Path
) -> None:
    """An update over an installed app needs the same key."""
    ask()
    ask(force=True)
    assert sum("keytool" in call[0] for call in tools.calls) == 1
    assert stat.S_IMODE((cache / "android" / "debug.p12").stat().st_mode) == 0o600


@pytest.mark.parametrize("where", ["env", "file", "debug"])
def test_no_password_is_on_a_command_line(
    ask: Callable[..., dict[str, Any]],
    tools: Tools,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """Everybody on a machine sees the arguments of every program; what is there is a name or a path."""
    monkeypatch.setenv("MY_SECRET", SECRET)
    (tmp_path / "secret.txt").write_text(f"{SECRET}\n")
    (tmp_path / "release.jks").write_bytes(b"a keystore")
    ways: dict[str, dict[str, Any]] = {
        "env": {"keystore": tmp_path / "release.jks", "password_env": "MY_SECRET", "alias": "upload"},
        "file": {"keystore": tmp_path / "release.jks", "password_file": tmp_path / "secret.txt"},
        "debug": {},
    }
    record = ask(**ways[where])
    words = [word for call in tools.calls for word in call]
    assert not any(SECRET in word or word in ("android", "pass:android") for word in words)
    signing = next(call for call in tools.calls if call[1] == "sign")
    handed = signing[signing.index("--ks-pass") + 1]
    expected = {"env": "env:MY_SECRET", "file": f"file:{tmp_path / 'secret.txt'}"}
    assert handed == expected.get(where, "env:EDGE_EFFNET_DEBUG_PASSWORD")
    assert ("--ks-key-alias" in signing) == (where != "file")
    assert record["apk"]["signature"]["can_be_published"] == (where != "debug")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"output": None}, "nothing to write"),
        ({"output": Path("app.zip")}, "end in .apk"),
        ({"output": None, "project": Path("x"), "install": True}, "needs an APK"),
        ({"alias": "upload"}, "belong to --keystore"),
        ({"password_env": "MY_SECRET"}, "belong to --keystore"),
        ({"keystore": Path("none.jks")}, "does not exist"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(
    ask: Callable[..., dict[str, Any]], tools: Tools, options: dict[str, Any], complaint: str
) -> None:
    """No tool is started, nothing is written."""
    with pytest.raises(UsageError, match=complaint):
        ask(**options)
    assert tools.calls == []


def test_a_keystore_needs_its_password_once(
    ask: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a variable that is set, or a file that is there."""
    keystore = tmp_path / "release.jks"
    keystore.write_bytes(b"a keystore")
    monkeypatch.delenv("NOT_SET", raising=False)
    for options, complaint in (
        ({}, "needed, once"),
        ({"password_env": "A", "password_file": keystore}, "needed, once"),
        ({"password_env": "NOT_SET"}, "is not set"),
        ({"password_file": tmp_path / "none"}, "file does not exist"),
    ):
        with pytest.raises(UsageError, match=complaint):
            ask(keystore=keystore, **options)


def test_an_output_that_exists_is_kept(
    ask: Callable[..., dict[str, Any]], tmp_path: Path, tools: Tools
) -> None:
    """Unless --force is given; it is looked at before the work begins."""
    (tmp_path / "app.apk").write_bytes(b"mine")
    with pytest.raises(OutputExistsError):
        ask()
    assert (tmp_path / "app.apk").read_bytes() == b"mine"
    assert tools.calls == []
    ask(force=True)
    assert zipfile.is_zipfile(tmp_path / "app.apk")


@pytest.mark.parametrize("option", ["model", "output", "keystore", "password_file", "base"])
def test_no_file_of_the_users_goes_with_the_project_that_is_replaced(tmp_path: Path, option: str) -> None:
    """--force replaces the folder with everything in it: not the model that was asked for, nor the APK just written."""
    project = tmp_path / "project"
    project.mkdir()
    options: dict[str, Any] = {name: tmp_path / name for name in ("model", "keystore")}
    options[option] = project / "mine.apk"
    with pytest.raises(UsageError, match="lies in the project's folder"):
        AndroidRequest(**options, project=project)


@pytest.mark.parametrize(
    ("told", "error", "complaint"),
    [
        (b"keystore password was incorrect", UsageError, "not that of the keystore"),
        (b'entry "x" does not contain a key', UsageError, "no key of that alias"),
        (b"x.p12 does not contain key entries", UsageError, "certificates alone"),
        (b'Failed to read Key "x" password for signer #1: standard input closed', UsageError, "keypasswd"),
        (b"Failed to read Keystore password for signer #1 : end of file", UsageError, "is its file empty"),
        (
            b"java.io.EOFException\n\tat x.SignerParams.loadKeyStoreFromFile(SignerParams.java:362)",
            UsageError,
            "no keystore",
        ),
        (b"contains multiple key entries", UsageError, "--ks-alias"),
        (b"Caused by: something else\n\tat java.base/X", EnvironmentFault, "got: Caused by: something else"),
    ],
)
def test_a_failing_signature_leaves_nothing_behind(
    ask: Callable[..., dict[str, Any]],
    tools: Tools,
    tmp_path: Path,
    told: bytes,
    error: type[Exception],
    complaint: str,
) -> None:
    """What the tool says is explained; there is no APK and no part of one."""
    tools.sign = (1, told)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error, match=complaint):
        ask()
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "cache"] == before


@pytest.mark.parametrize(
    "answer",
    [
        (1, b"DOES NOT VERIFY\nERROR: APK Signature Scheme v2 signer #1: digest mismatch"),
        (0, VERIFIED.replace("): true", "): false").encode()),
        (0, b""),
    ],
)
def test_a_signature_that_does_not_verify_is_no_result(
    ask: Callable[..., dict[str, Any]], tools: Tools, tmp_path: Path, answer: tuple[int, bytes]
) -> None:
    """The APK is checked before it gets its name; a tool that is content and names no scheme has found nothing."""
    tools.verify = answer
    with pytest.raises(ConversionError, match="does not verify"):
        ask()
    assert not (tmp_path / "app.apk").exists()


def test_a_missing_tool_is_named_with_its_package(
    ask: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3 and what to install."""
    monkeypatch.setattr("edge_effnet.demo.android.programs.find_program", lambda name: None)
    with pytest.raises(EnvironmentFault, match="keytool is not installed") as caught:
        ask()
    assert "apt-get install" in (caught.value.hint or "")


def test_tools_of_an_sdk_come_first(
    ask: Callable[..., dict[str, Any]], tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest build-tools that ANDROID_HOME has."""
    for version in ("34.0.0", "36.0.0"):
        place = tmp_path / "sdk" / "build-tools" / version
        place.mkdir(parents=True)
        (place / "apksigner").touch()
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "sdk"))
    ask()
    assert any(call[0].endswith("36.0.0/apksigner") for call in tools.calls)
