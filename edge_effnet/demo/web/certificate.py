"""A self-signed certificate for --https, kept in the user's cache: browsers give the camera to https and localhost only."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import os
import re
import ssl
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import user_cache
from edge_effnet.errors import DataError, EnvironmentFault

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Certificate", "certificate_for", "given_certificate"]

_DAYS: Final = 365
_RENEW_DAYS: Final = 30
_NAME: Final = "edge-effnet demo"
_FIRST: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_LOCAL: Final = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key.

    Attributes:
        path: PEM; of our own one only its owner may read it.
        fingerprint: sha256 of the certificate, in pairs, as browsers show it.
        ends: Last day of our own one; None for one that was given.
        key: Where its key is; None is in the same file.
    """

    path: Path
    fingerprint: str
    ends: dt.date | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return what encrypts with it: TLS 1.2 or newer.

        Raises:
            OSError: It cannot be read, or certificate and key do not fit.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.path, self.key, password=lambda: b"")  # never asks on the terminal
        return context


def given_certificate(path: Path, key: Path | None = None) -> Certificate:
    """Return a certificate of the user's own, checked.

    Args:
        path: PEM: the certificate, then those that vouch for it.
        key: PEM; None is in the same file.

    Raises:
        DataError: One of them is missing or damaged, they do not fit, or the key is encrypted.
    """
    try:
        found = _FIRST.search(path.read_text("ascii"))
        shown = ssl.PEM_cert_to_DER_cert(found.group(0)) if found else b""
        certificate = Certificate(path, hashlib.sha256(shown).digest().hex(":").upper(), None, key)
        certificate.context()
    except (OSError, ValueError) as error:
        raise DataError(
            f"the certificate cannot be used: {getattr(error, 'strerror', None) or error}",
            got=f"{path}, key in {key or path}",
            allowed="PEM files; the key not encrypted",
        ) from error
    return certificate


def certificate_for(
    addresses: tuple[str, ...], folder: Path | None = None, now: dt.datetime | None = None
) -> Certificate:
    """Return the certificate of this machine; a new one when it ends soon, is damaged, or the addresses are others.

    Args:
        addresses: By which others open it; localhost, 127.0.0.1 and ::1 are always in it.
        folder: Where it is kept; None is in the user's cache.
        now: The time, in UTC.

    Raises:
        EnvironmentFault: The library ``cryptography`` is missing, or the folder cannot be written.
    """
    _require_library()
    folder = folder or user_cache("web")
    path, now = folder / "certificate.pem", now or dt.datetime.now(dt.timezone.utc)
    wanted = {ipaddress.ip_address(one) for one in (*_LOCAL, *addresses)}
    kept = _kept(path, wanted, now)
    if kept is not None:
        return kept
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=folder)  # only its owner may read it, from the first byte on
        with os.fdopen(handle, "wb") as stream:
            stream.write(_made(wanted, now))
        os.replace(name, path)  # noqa: PTH105 - the name is a string already
    except OSError as error:
        raise EnvironmentFault(
            f"the certificate cannot be kept: {error.strerror}", got=folder, hint="free some space"
        ) from error
    made = _kept(path, wanted, now)
    assert made is not None  # noqa: S101 - it was written a moment ago
    return made


def _require_library() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise EnvironmentFault(
            "--https needs the library cryptography", hint="pip install 'edge-effnet[web]'"
        ) from error


def _kept(path: Path, wanted: set[Any], now: dt.datetime) -> Certificate | None:
    """Return what is kept, if it will do."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    try:
        content = path.read_bytes()
        found = x509.load_pem_x509_certificate(content)
        key = serialization.load_pem_private_key(content, None)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        is_open = os.name == "posix" and path.stat().st_mode & 0o077
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        return None
    addresses = set(names.get_values_for_type(x509.IPAddress))
    ends = found.not_valid_after_utc
    if (
        addresses != wanted
        or is_open
        or not found.not_valid_before_utc <= now < ends - dt.timedelta(_RENEW_DAYS)
    ):
        return None
    if key.public_key() != found.public_key():
        return None
    return Certificate(path, found.fingerprint(hashes.SHA256()).hex(":").upper(), ends.date())


def _made(addresses: set[Any], now: dt.datetime) -> bytes:
    """Return a new key and its certificate as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    names = [x509.DNSName("localhost"), *(x509.IPAddress(one) for one in sorted(addresses, key=str))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))  # clocks of phones differ
        .not_valid_after(now + dt.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
