"""The real tools: the app is built, a model put in, signed, and everything is checked that can be checked without a phone.

About a minute and a half on two cores. Skipped, with what is missing, where Android's tools or the parts from Maven are not there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from android_stand_ins import base_apk
from runtimes.tiny_models import colour_classifier

from edge_effnet.artifacts import sha256_of_bytes, user_cache
from edge_effnet.cli.main import run
from edge_effnet.convert.contract import golden_vectors
from edge_effnet.demo.android.base import read_base
from edge_effnet.demo.android.sources import hash_of_sources, write_project
from edge_effnet.preprocessing import Preprocessing
from edge_effnet.runtimes import LocalModel

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "android_demo"
PROGRAMS = (
    "java",
    "javac",
    "keytool",
    "aapt2",
    "zipalign",
    "apksigner",
    "dexdump",
    "enjarify",
    "zip",
    "unzip",
)


def _parts() -> Path:
    return Path(os.environ.get("EDGE_EFFNET_ANDROID_DEPS") or user_cache("android-tools"))


@pytest.fixture(scope="module")
def ready() -> None:
    """Skip where something is missing; nothing is downloaded by a test."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: android_demo/tools/debian-packages.txt)")
    rows = [line.split() for line in (DEMO / "tools/lock.txt").read_text().splitlines() if line[0] != "#"]
    for coordinate, _, size in rows:
        _, name, version, kind = coordinate.split(":")
        path = _parts() / f"{name}-{version}.{kind}"
        if not path.is_file() or path.stat().st_size != int(size):
            pytest.skip(f"{path.name} has not been fetched: run make android-tools")


def _script(name: str, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(DEMO / "tools" / name), *map(str, words)]
    variables = {"EDGE_EFFNET_ANDROID_DEPS": str(_parts()), **variables}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **variables}, timeout=600
    )


@pytest.fixture(scope="module")
def built(ready: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the app without a model, once."""
    out = tmp_path_factory.mktemp("built") / "base.apk"
    done = _script("build_apk.sh", "-o", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a small model with a contract inside, and golden vectors in the contract beside it."""
    preprocessing = Preprocessing(4, 0.875, "bicubic")
    contract = {"preprocessing": preprocessing.to_record(), "labels": ["red", "green", "blue"]}
    content = colour_classifier(contract=contract).to_bytes()
    path = tmp_path_factory.mktemp("model") / "colours.tflite"
    path.write_bytes(content)
    golden = golden_vectors(LocalModel(content), preprocessing)
    beside = {**contract, "sha256": sha256_of_bytes(content), "golden": golden}
    path.with_suffix(".contract.json").write_text(json.dumps(beside))
    return path


@pytest.fixture(scope="module")
def made(built: Path, model: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that runs the verb with the real apksigner and returns its record."""

    def make(out: Path, *options: str) -> dict[str, Any]:
        command = [
            "demo",
            "android",
            "--model",
            str(model),
            "-o",
            str(out),
            "--base",
            str(built),
            "--json",
            *options,
        ]
        done = subprocess.run(
            [sys.executable, "-m", "edge_effnet", *command], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        record: dict[str, Any] = json.loads(done.stdout)
        return record

    return make


def test_the_base_says_which_sources_it_is_of(built: Path) -> None:
    """The script and the package hash the same files in the same way, or nothing would ever be found again."""
    about = read_base(built, "given").about
    assert about["sources_sha256"] == hash_of_sources(DEMO)
    assert about["activity"].startswith(about["package"])
    assert (about["min_sdk"], about["target_sdk"]) == (24, 36)


def test_the_whole_way_ends_in_an_apk_that_holds(
    made: Callable[..., dict[str, Any]], model: Path, tmp_path: Path
) -> None:
    """Signature, manifest, alignment, DEX; then the tests of core and the golden pictures on the APK's own code."""
    apk = tmp_path / "app.apk"
    record = made(apk)
    with zipfile.ZipFile(apk) as archive:
        assert archive.read("assets/model.tflite") == model.read_bytes()
        assert archive.getinfo("assets/model.tflite").compress_type == zipfile.ZIP_STORED
    assert record["apk"]["signature"]["schemes"] == ["v2", "v3"]
    done = _script("verify_apk.sh", apk)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("      equal ") == 3
    assert "square-0.875-bicubic-4px-v1, 3 labels, the first: red" in done.stderr
    assert " classes, and 0 that do not link" in done.stderr
    assert "WRONG" not in done.stderr


def test_a_key_of_ones_own_signs_and_its_password_is_asked_for(
    made: Callable[..., dict[str, Any]],
    built: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From a file; a wrong one, and an alias that is not there, are told as such."""
    keystore, secret = tmp_path / "own.p12", tmp_path / "secret.txt"
    secret.write_text("a long password\n")
    subprocess.run(
        [*("keytool", "-genkeypair", "-keystore", keystore, "-storetype", "PKCS12", "-alias", "upload"),
         *("-storepass:file", secret, "-dname", "CN=Somebody", "-keyalg", "RSA", "-validity", "1000")],
        check=True, capture_output=True,
    )  # fmt: skip
    record = made(tmp_path / "a.apk", "--keystore", str(keystore), "--ks-pass-file", str(secret))
    assert record["apk"]["signature"]["certificate"] == "CN=Somebody"
    assert record["apk"]["signature"]["can_be_published"]
    common = ["demo", "android", "--model", str(model), "-o", str(tmp_path / "b.apk"), "--base", str(built)]
    common += ["--keystore", str(keystore), "--ks-pass-file", str(secret)]
    assert run([*common, "--ks-alias", "other"]) == 2
    assert "no key of that alias" in capsys.readouterr().err
    secret.write_text("another password\n")
    assert run(common) == 2
    assert "not that of the keystore" in capsys.readouterr().err
    assert not (tmp_path / "b.apk").exists()


@pytest.mark.parametrize("spoil", ["compressed", "shifted"])
def test_the_look_into_an_apk_finds_what_cannot_be_mapped(tmp_path: Path, spoil: str) -> None:
    """tools/check_apk.py needs Python alone."""
    good, bad = base_apk(tmp_path / "good.apk"), tmp_path / "bad.apk"
    kind = zipfile.ZIP_DEFLATED if spoil == "compressed" else zipfile.ZIP_STORED
    with zipfile.ZipFile(bad, "w", kind) as archive:
        archive.writestr("assets/model.tflite", bytes(100))
    outcomes = [
        subprocess.run(
            [sys.executable, DEMO / "tools/check_apk.py", path], capture_output=True, text=True, check=False
        )
        for path in (good, bad)
    ]
    assert [done.returncode for done in outcomes] == [0, 4]
    assert "segments aligned to 4096 (less than 16384)" in outcomes[0].stdout
    assert "WRONG assets/model.tflite" in outcomes[1].stdout


def test_a_script_names_the_program_that_is_missing(tmp_path: Path) -> None:
    """With the package that has it, and exit code 3."""
    for name in ("bash", "dirname", "awk", "readlink"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    done = _script("build_apk.sh", "-o", tmp_path / "x.apk", PATH=str(tmp_path))
    assert done.returncode == 3
    assert "java is not installed" in done.stderr
    assert "apt-get install openjdk-17-jdk-headless" in done.stderr


@pytest.mark.slow
def test_the_same_sources_give_the_same_apk(built: Path, tmp_path: Path) -> None:
    """Whoever builds it, in whichever folder: here in a project that the package wrote."""
    write_project(DEMO, tmp_path / "project", {}, force=False)
    command = ["bash", str(tmp_path / "project/tools/build_apk.sh"), "-o", str(tmp_path / "again.apk")]
    environment = {**os.environ, "EDGE_EFFNET_ANDROID_DEPS": str(_parts())}
    subprocess.run(command, check=True, capture_output=True, env=environment, timeout=600)
    assert (tmp_path / "again.apk").read_bytes() == built.read_bytes()


@pytest.mark.slow
def test_an_sdk_is_used_where_there_is_one(ready: None, model: Path, tmp_path: Path) -> None:
    """An imagined one, of the same parts: that its d8 and its android.jar are called can be shown, what they make cannot."""
    tools, platform = tmp_path / "sdk/build-tools/36.0.0", tmp_path / "sdk/platforms/android-36"
    tools.mkdir(parents=True)
    platform.mkdir(parents=True)
    for name in ("aapt2", "zipalign", "apksigner"):
        (tools / name).symlink_to(shutil.which(name) or name)
    dx = next(_parts().glob("dalvik-dx-*.jar"))
    (tools / "d8").write_text(
        "#!/bin/bash\n"
        'echo "d8 $*" >&2; while [ "$1" != --output ]; do shift; done\n'
        f'exec java -cp {dx} com.android.dx.command.Main --dex --min-sdk-version=24 --output="$2/classes.dex" "$3"\n'
    )
    (tools / "d8").chmod(0o755)
    framework = next(_parts().glob("android-all-*.jar"))
    with zipfile.ZipFile(framework) as source, zipfile.ZipFile(platform / "android.jar", "w") as target:
        for name in source.namelist():
            if name.startswith(("android/", "com/android/")) and name.endswith(".class"):
                target.writestr(name, source.read(name))
        for resources in _parts().glob("framework-*.apk"):
            with zipfile.ZipFile(resources) as plain:
                for name in plain.namelist():
                    target.writestr(name, plain.read(name))
            break
    words = ["-o", tmp_path / "base.apk", "-m", model, "-a", tmp_path / "app.apk"]
    done = _script("build_apk.sh", *words, ANDROID_HOME=str(tmp_path / "sdk"))
    assert done.returncode == 0, done.stderr
    assert "Android SDK" in done.stderr
    assert "d8 --release --min-api 24" in done.stderr
    assert _script("verify_apk.sh", tmp_path / "app.apk").returncode == 0
    (tools / "d8").unlink()
    done = _script("build_apk.sh", "-o", tmp_path / "base.apk", ANDROID_HOME=str(tmp_path / "sdk"))
    assert done.returncode == 0, done.stderr
    assert "lacks platforms/android-36 or build-tools/*/d8" in done.stderr
