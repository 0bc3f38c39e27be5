"""demo.web.certificate, and the server behind it."""

from __future__ import annotations

import datetime as dt
import hashlib
import http.client
import os
import socket
import ssl
import sys
from typing import TYPE_CHECKING

import pytest
from demo.web.raw_client import connect, exchange, serving

from edge_effnet.demo.web import addresses as addresses_module
from edge_effnet.demo.web import certificate as module
from edge_effnet.demo.web import handler as handler_module
from edge_effnet.demo.web.addresses import lan_addresses
from edge_effnet.demo.web.certificate import certificate_for, given_certificate
from edge_effnet.errors import DataError, EnvironmentFault
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("cryptography", reason="the extra edge-effnet[web] is not installed")

_LAN = ("192.0.2.7", "2001:db8::7")
_NOW = dt.datetime(2026, 11, 30, tzinfo=dt.timezone.utc)


def _trusting(path: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(path))


def test_a_client_that_trusts_it_is_served(tmp_path: Path) -> None:
    """By every name that is in it: the handshake checks them."""
    made = certificate_for(("127.0.0.1",), tmp_path)
    with serving(tls=made.context()) as server:
        for name in ("127.0.0.1", "localhost"):
            client = http.client.HTTPSConnection(name, server.port, context=_trusting(made.path), timeout=10)
            for _ in range(3):
                client.request("GET", "/main.js")
                answer = client.getresponse()
                assert answer.status == 200
                assert len(answer.read()) == int(answer.headers["Content-Length"])
            assert isinstance(client.sock, ssl.SSLSocket)
            assert client.sock.version() in {"TLSv1.2", "TLSv1.3"}
            shown = client.sock.getpeercert(binary_form=True) or b""
            assert hashlib.sha256(shown).hexdigest().upper() == made.fingerprint.replace(":", "")
            client.close()


def test_a_client_that_does_not_trust_it_is_warned(tmp_path: Path) -> None:
    """Which is what a browser shows; and the server goes on in silence."""
    made, reporter = certificate_for((), tmp_path), Silent()
    with serving(tls=made.context(), reporter=reporter) as server:
        with pytest.raises(ssl.SSLCertVerificationError), connect(server) as plain:
            ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"), connect(server) as plain:
            _trusting(made.path).wrap_socket(plain, server_hostname="evil.example")
    assert reporter.notes == []


def test_plain_http_on_it_gets_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No page in the clear, and no traceback."""
    with serving(tls=certificate_for((), tmp_path).context()) as server:
        assert exchange(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").body == b""
    assert capfd.readouterr() == ("", "")


def test_who_never_shakes_hands_blocks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handshake happens in the connection's own thread, and has a time limit."""
    monkeypatch.setattr(handler_module, "IDLE_S", 0.5)
    made = certificate_for((), tmp_path)
    with serving(tls=made.context()) as server, connect(server) as silent:
        client = http.client.HTTPSConnection(
            "localhost", server.port, context=_trusting(made.path), timeout=10
        )
        client.request("GET", "/")
        assert client.getresponse().status == 200
        client.close()
        assert silent.recv(1) == b""


def test_old_tls_is_refused(tmp_path: Path) -> None:
    """1.2 or newer."""
    assert certificate_for((), tmp_path).context().minimum_version == ssl.TLSVersion.TLSv1_2


def test_it_names_this_machine_and_its_addresses(tmp_path: Path) -> None:
    """Names in the subject alone are not looked at by browsers."""
    from cryptography import x509

    made = certificate_for(_LAN, tmp_path)
    found = x509.load_pem_x509_certificate(made.path.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert {str(one) for one in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1", *_LAN}
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert (
        found.not_valid_after_utc - found.not_valid_before_utc
    ).days <= 397  # more is refused by some browsers
    assert made.ends == found.not_valid_after_utc.date()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_its_owner_may_read_the_key(tmp_path: Path) -> None:
    """Whatever the umask; and one that others could read is not used again."""
    before = os.umask(0)
    try:
        made = certificate_for((), tmp_path / "web")
    finally:
        os.umask(before)
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in made.path.parent.iterdir()] == ["certificate.pem"]
    made.path.chmod(0o644)
    assert certificate_for((), tmp_path / "web").fingerprint != made.fingerprint


def test_it_is_kept_while_it_will_do(tmp_path: Path) -> None:
    """So that a phone is asked once, not at each start."""
    first = certificate_for(_LAN, tmp_path, _NOW)
    assert certificate_for(tuple(reversed(_LAN)), tmp_path, _NOW + dt.timedelta(days=300)) == first
    assert certificate_for(_LAN, tmp_path, _NOW + dt.timedelta(days=340)) != first


def test_other_addresses_get_another_one(tmp_path: Path) -> None:
    """A new network: the old one would be for another machine."""
    first = certificate_for(_LAN, tmp_path, _NOW)
    second = certificate_for(_LAN[:1], tmp_path, _NOW)
    assert second.fingerprint != first.fingerprint


@pytest.mark.parametrize("part", [b"", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"])
def test_a_damaged_one_is_made_anew(tmp_path: Path, part: bytes) -> None:
    """A cache is never a reason to fail."""
    first = certificate_for((), tmp_path)
    first.path.write_bytes(part)
    assert certificate_for((), tmp_path).fingerprint != first.fingerprint


def test_a_key_of_another_certificate_is_noticed(tmp_path: Path) -> None:
    """The handshake would fail, and not say why."""
    one, other = certificate_for((), tmp_path / "1"), certificate_for((), tmp_path / "2")
    mixed = one.path.read_bytes().partition(b"-----BEGIN CERT")[0] + b"-----BEGIN CERT"
    one.path.write_bytes(mixed + other.path.read_bytes().partition(b"-----BEGIN CERT")[2])
    assert certificate_for((), tmp_path / "1").fingerprint not in {one.fingerprint, other.fingerprint}


def test_a_certificate_of_ones_own_is_used(tmp_path: Path) -> None:
    """In one file with its key or in two; the fingerprint is that of the first certificate in it."""
    made = certificate_for(("127.0.0.1",), tmp_path)
    private, begin, rest = made.path.read_text().partition("-----BEGIN CERTIFICATE-----")
    (tmp_path / "key.pem").write_text(private)
    (tmp_path / "cert.pem").write_text(f"words before it\n{begin}{rest}")
    for given in (
        given_certificate(made.path),
        given_certificate(tmp_path / "cert.pem", tmp_path / "key.pem"),
    ):
        assert given.fingerprint == made.fingerprint
        with serving(tls=given.context()) as server:
            client = http.client.HTTPSConnection(
                "localhost", server.port, context=_trusting(made.path), timeout=10
            )
            client.request("GET", "/")
            assert client.getresponse().status == 200
            client.close()


def test_a_certificate_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """Missing, no PEM, without a key, with another's key, with an encrypted one: nobody is asked for a password."""
    from cryptography.hazmat.primitives import serialization

    one, other = certificate_for((), tmp_path / "1").path, certificate_for((), tmp_path / "2").path
    key = serialization.load_pem_private_key(one.read_bytes(), None)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "text.pem").write_text("hello")
    (tmp_path / "binary.pem").write_bytes(bytes(range(256)))
    (tmp_path / "cert.pem").write_text("-----BEGIN CERT" + one.read_text().partition("-----BEGIN CERT")[2])
    (tmp_path / "secret.pem").write_bytes(secret)
    for path, key_path in (
        (tmp_path / "missing.pem", None),
        (tmp_path / "text.pem", None),
        (tmp_path / "binary.pem", None),
        (tmp_path / "cert.pem", None),
        (tmp_path / "cert.pem", other),
        (tmp_path / "cert.pem", tmp_path / "secret.pem"),
        (tmp_path / "cert.pem", tmp_path / "missing.pem"),
    ):
        with pytest.raises(DataError, match="the certificate cannot be used"):
            given_certificate(path, key_path)


def test_without_the_library_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs it."""
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(EnvironmentFault, match="needs the library cryptography") as caught:
        module.certificate_for((), tmp_path)
    assert "edge-effnet[web]" in str(caught.value)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """What, got and fix."""
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match="cannot be kept"):
        certificate_for((), tmp_path / "file")


def test_addresses_of_this_machine_are_those_that_others_can_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """No loopback, no link-local, none of an interface that is down; IPv4 first."""

    class _One:
        def __init__(self, family: int, address: str) -> None:
            self.family, self.address = family, address

    def _addresses() -> dict[str, list[_One]]:
        four, six = socket.AF_INET, socket.AF_INET6
        return {
            "lo": [_One(four, "127.0.0.1"), _One(six, "::1")],
            "eth0": [
                _One(six, "2001:db8::1"),
                _One(six, "fe80::1%eth0"),
                _One(four, "10.0.0.5"),
                _One(17, "aa:bb"),
            ],
            "wlan0": [_One(four, "192.168.1.5"), _One(four, "169.254.3.4")],
            "down": [_One(four, "10.9.9.9")],
        }

    class _State:
        def __init__(self, isup: bool) -> None:
            self.isup = isup

    monkeypatch.setattr("psutil.net_if_addrs", _addresses)
    monkeypatch.setattr(
        "psutil.net_if_stats", lambda: {name: _State(name != "down") for name in _addresses()}
    )
    monkeypatch.setattr(addresses_module, "_routed", lambda: "")
    assert lan_addresses() == ("10.0.0.5", "192.168.1.5", "2001:db8::1")
    monkeypatch.setattr(addresses_module, "_routed", lambda: "192.168.1.5")
    assert lan_addresses()[0] == "192.168.1.5"  # what a phone can reach comes before a bridge of containers
