"""Signing and verifying with Android's own `apksigner`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_effnet.demo.android.programs import PATIENCE_S, find_apksigner, last_line
from edge_effnet.errors import ConversionError, EnvironmentFault, UsageError
from edge_effnet.process import run_program

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from edge_effnet.demo.android.keys import Key
    from edge_effnet.process import Runner

__all__ = ["Signature", "sign", "verify"]

_WORDS: Final = {
    "password was incorrect": "the password is not that of the keystore",
    "does not contain a key": "the keystore has no key of that alias",
    "does not contain key entries": "the keystore has certificates alone and no key",
    "Failed to read Key ": "the key has a password of its own: give it the keystore's with `keytool -keypasswd`",
    "Failed to read Keystore password": "the keystore's password cannot be read: is its file empty?",
    "contains multiple key entries": "the keystore has several keys: name one with --ks-alias",
    "SignerParams.loadKeyStoreFromFile": "the file is no keystore, or one of a kind that Java does not read",
}
"""What apksigner and Java say about a key -> what it means; the first that is found."""


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


def sign(unsigned: Path, signed: Path, key: Key, *, min_sdk: int, runner: Runner = run_program) -> None:
    """Sign an APK; its entries stay where they are.

    Raises:
        EnvironmentFault: apksigner is missing or fails.
        UsageError: The key cannot be read: wrong password, no such alias, no keystore.
    """
    argv = [find_apksigner(), "sign", "--ks", str(key.keystore), "--ks-pass", key.password]
    argv += [] if key.alias is None else ["--ks-key-alias", key.alias]
    argv += ["--min-sdk-version", str(min_sdk)]
    argv += ["--v1-signing-enabled", "false"]  # for Android before 7.0 alone
    argv += ["--v4-signing-enabled", "false"]  # a file beside the APK, for streamed installs
    done = runner([*argv, "--out", str(signed), str(unsigned)], timeout_s=PATIENCE_S, env=key.environment)
    if done.returncode == 0 and signed.is_file():
        return
    told = f"{done.text}\n{done.complaint}"
    for words, meaning in _WORDS.items():
        if words in told:
            raise UsageError(meaning, got=key.keystore)
    raise EnvironmentFault("apksigner could not sign the APK", got=last_line(done))


def verify(path: Path, key: Key, *, runner: Runner = run_program) -> Signature:
    """Let apksigner check a signature.

    Raises:
        ConversionError: It does not verify.
    """
    done = runner([find_apksigner(), "verify", "--verbose", "--print-certs", str(path)], timeout_s=PATIENCE_S)
    text = done.text
    schemes = tuple(re.findall(r"^Verified using (v\d) scheme \(.*\): true$", text, re.MULTILINE))
    name = re.search(r"certificate DN: (.*)$", text, re.MULTILINE)
    digest = re.search(r"certificate SHA-256 digest: ([0-9a-f]{64})$", text, re.MULTILINE)
    if done.returncode or not schemes or name is None or digest is None:
        raise ConversionError("the signed APK does not verify", got=last_line(done))
    return Signature(key.kind, key.keystore, name[1], digest[1], schemes)
