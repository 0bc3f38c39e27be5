"""Signing with Android's own `apksigner`: a debug key made once, or the user's; passwords are never on a command line."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_effnet.artifacts import user_cache
from edge_effnet.errors import ConversionError, EnvironmentFault, UsageError
from edge_effnet.process import Finished, find_program, run_program

if TYPE_CHECKING:
    from typing import Any

    from edge_effnet.process import Runner

__all__ = ["Key", "Signature", "debug_key", "given_key", "sign", "verify"]

_PATIENCE_S: Final = 120.0
_ALIAS: Final = "debug"
_HANDED_OVER_AS: Final = "EDGE_EFFNET_DEBUG_PASSWORD"
"""Variable that hands the debug key's password to the tools; the key is worth nothing, and the way is the same for all keys."""

_DEBUG_SECRET: Final = "android"  # noqa: S105 - everybody's debug password
_WORDS: Final = {
    "password was incorrect": "the password is not that of the keystore",
    "does not contain a key": "the keystore has no key of that alias",
    "contains multiple key entries": "the keystore has several keys: name one with --ks-alias",
    "Unrecognized keystore format": "the file is no keystore",
    "Invalid keystore format": "the file is no keystore",
}
"""What apksigner and Java say about a key -> what it means."""


@dataclass(frozen=True)
class Key:
    """What an APK is signed with.

    Attributes:
        keystore: The file.
        password: Where apksigner reads its password: ``env:NAME`` or ``file:PATH``.
        alias: Which key in it; None for the only one.
        kind: ``debug`` or ``keystore``.
        environment: Variables that the tools need on top.
    """

    keystore: Path
    password: str
    alias: str | None
    kind: str
    environment: dict[str, str]


@dataclass(frozen=True)
class Signature:
    """What `apksigner verify` says.

    Attributes:
        kind: ``debug`` or ``keystore``.
        keystore: The file that the key is in.
        certificate: Its distinguished name.
        certificate_sha256: Its digest, by which Android and the stores know it.
        schemes: Schemes that verify, such as ``v2``.
    """

    kind: str
    keystore: Path
    certificate: str
    certificate_sha256: str
    schemes: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        """Return what the record says about it."""
        return {
            "kind": self.kind,
            "keystore": str(self.keystore),
            "certificate": self.certificate,
            "certificate_sha256": self.certificate_sha256,
            "schemes": list(self.schemes),
            "can_be_published": self.kind != "debug",
        }


def given_key(
    keystore: Path, *, alias: str | None, password_env: str | None, password_file: Path | None
) -> Key:
    """Return the user's key.

    Raises:
        UsageError: The keystore or the password's place is missing, or the password is given twice.
    """
    if not keystore.is_file():
        raise UsageError("the keystore does not exist", got=keystore)
    if (password_env is None) == (password_file is None):
        raise UsageError(
            "the keystore's password is needed, once",
            allowed="--ks-pass-env VARIABLE or --ks-pass-file FILE",
            hint="a password on the command line would be seen by everybody on this machine",
        )
    if password_file is not None:
        if not password_file.is_file():
            raise UsageError("the password's file does not exist", got=password_file)
        return Key(keystore, f"file:{password_file}", alias, "keystore", {})
    if not os.environ.get(password_env or ""):
        raise UsageError("the variable of the keystore's password is not set", got=password_env)
    return Key(keystore, f"env:{password_env}", alias, "keystore", {})


def debug_key(*, runner: Runner = run_program) -> Key:
    """Return the debug key in the user's cache, made where it is not there yet.

    Raises:
        EnvironmentFault: Java's keytool is missing or fails.
    """
    keystore = user_cache("android") / "debug.p12"
    environment = {_HANDED_OVER_AS: _DEBUG_SECRET}
    if not keystore.is_file():
        keystore.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".key.", dir=keystore.parent) as work:
            made = Path(work) / keystore.name
            done = runner(_keytool(made), timeout_s=_PATIENCE_S, env=environment)
            if done.returncode or not made.is_file():
                raise EnvironmentFault("keytool made no debug key", got=_last_line(done))
            made.chmod(0o600)
            made.replace(keystore)
    return Key(keystore, f"env:{_HANDED_OVER_AS}", _ALIAS, "debug", environment)


def _keytool(keystore: Path) -> list[str]:
    program = _program("keytool", "openjdk-17-jre-headless")
    name = ["-dname", "CN=Android Debug", "-alias", _ALIAS, "-validity", "10950"]
    key = ["-keyalg", "RSA", "-keysize", "2048", "-storetype", "PKCS12"]
    return [
        program,
        "-genkeypair",
        "-keystore",
        str(keystore),
        "-storepass:env",
        _HANDED_OVER_AS,
        *name,
        *key,
    ]


def sign(unsigned: Path, signed: Path, key: Key, *, min_sdk: int, runner: Runner = run_program) -> None:
    """Sign an APK; its entries stay where they are.

    Raises:
        EnvironmentFault: apksigner is missing or fails.
        UsageError: The key cannot be read: wrong password, no such alias, no keystore.
    """
    argv = [_apksigner(), "sign", "--ks", str(key.keystore), "--ks-pass", key.password]
    argv += [] if key.alias is None else ["--ks-key-alias", key.alias]
    argv += [
        "--min-sdk-version",
        str(min_sdk),
        "--v1-signing-enabled",
        "false",
        "--v4-signing-enabled",
        "false",
    ]
    done = runner([*argv, "--out", str(signed), str(unsigned)], timeout_s=_PATIENCE_S, env=key.environment)
    if done.returncode == 0 and signed.is_file():
        return
    told = f"{done.text}\n{done.complaint}"
    for words, meaning in _WORDS.items():
        if words in told:
            raise UsageError(meaning, got=key.keystore)
    raise EnvironmentFault("apksigner could not sign the APK", got=_last_line(done))


def verify(path: Path, key: Key, *, runner: Runner = run_program) -> Signature:
    """Let apksigner check a signature.

    Raises:
        ConversionError: It does not verify.
    """
    done = runner([_apksigner(), "verify", "--verbose", "--print-certs", str(path)], timeout_s=_PATIENCE_S)
    text = done.text
    schemes = tuple(re.findall(r"^Verified using (v\d) scheme \(.*\): true$", text, re.MULTILINE))
    name = re.search(r"^Signer #1 certificate DN: (.*)$", text, re.MULTILINE)
    digest = re.search(r"^Signer #1 certificate SHA-256 digest: ([0-9a-f]{64})$", text, re.MULTILINE)
    if done.returncode or not schemes or name is None or digest is None:
        raise ConversionError("the signed APK does not verify", got=_last_line(done))
    return Signature(key.kind, key.keystore, name[1], digest[1], schemes)


def _apksigner() -> str:
    sdk = os.environ.get("ANDROID_HOME") or os.environ.get("ANDROID_SDK_ROOT")
    found = sorted(Path(sdk).glob("build-tools/*/apksigner")) if sdk else []
    return str(found[-1]) if found else _program("apksigner", "apksigner")


def _program(name: str, package: str) -> str:
    found = find_program(name)
    if found is None:
        raise EnvironmentFault(
            f"{name} is not installed",
            hint=f"apt-get install {package}, or set ANDROID_HOME to an Android SDK with build-tools",
        )
    return found


def _last_line(done: Finished) -> str | None:
    lines = [line.strip() for line in f"{done.text}\n{done.complaint}".splitlines() if line.strip()]
    return lines[-1][:300] if lines else None
