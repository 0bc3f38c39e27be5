"""What an APK is signed with: the user's key, or a debug key made once. Passwords are never on a command line."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_effnet.artifacts import user_cache
from edge_effnet.demo.android.programs import PATIENCE_S, find_tool, last_line
from edge_effnet.errors import EnvironmentFault, UsageError
from edge_effnet.process import run_program

if TYPE_CHECKING:
    from edge_effnet.process import Runner

__all__ = ["Key", "debug_key", "given_key"]

_ALIAS: Final = "debug"
_HANDED_OVER_AS: Final = "EDGE_EFFNET_DEBUG_PASSWORD"
"""Variable that hands the debug key's password to the tools; the key is worth nothing, and the way is the same for all keys."""

_DEBUG_SECRET: Final = "android"  # noqa: S105 - everybody's debug password


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
            done = runner(_keytool(made), timeout_s=PATIENCE_S, env=environment)
            if done.returncode or not made.is_file():
                raise EnvironmentFault("keytool made no debug key", got=last_line(done))
            made.chmod(0o600)
            made.replace(keystore)
    return Key(keystore, f"env:{_HANDED_OVER_AS}", _ALIAS, "debug", environment)


def _keytool(keystore: Path) -> list[str]:
    program = find_tool("keytool", "openjdk-17-jre-headless")
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
