"""The demo as a whole: the model, LiteRT.js and the page behind one server, and the addresses that it is reached by."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.artifacts import sha256_of_bytes
from edge_effnet.demo.web.addresses import lan_addresses
from edge_effnet.demo.web.certificate import certificate_for, given_certificate
from edge_effnet.demo.web.model import SCHEMA_VERSION, ServedModel, served_model
from edge_effnet.demo.web.release import LITERTJS
from edge_effnet.demo.web.resource import Resource, page_routes, routes_from_folder
from edge_effnet.demo.web.runtime import web_runtime
from edge_effnet.demo.web.server import WebServer, open_server
from edge_effnet.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edge_effnet.demo.web.certificate import Certificate
    from edge_effnet.progress import Reporter

__all__ = ["Site", "WebRequest", "open_site"]

_MAX_THREADS: Final = 64


@dataclass(frozen=True)
class WebRequest:
    """What `edge-effnet demo web` is asked to do.

    Attributes:
        model: A .tflite file.
        host: What to listen on.
        port: 0 takes a free one.
        https: Whether to encrypt, with a certificate of our own.
        isolated: Whether the page may use threads.
        threads: How many the page uses when it may; None leaves it to the page.
        certificate: PEM of the user's own certificate, in place of ours; it means https.
        key: PEM of its key; None is in the same file.
    """

    model: Path
    host: str = "127.0.0.1"
    port: int = 8080
    https: bool = False
    isolated: bool = True
    threads: int | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Site:
    """A server that listens, and what there is to say about it.

    Attributes:
        server: Call its ``serve_forever``, then its ``server_close``.
        url: Where this machine opens it.
        lan_urls: Where other machines do; empty on loopback.
        model: What is served.
        certificate: With --https.
        threads: What the page is asked to use.
        notes: What was changed or assumed, and what a browser will not do.
    """

    server: WebServer
    url: str
    lan_urls: tuple[str, ...]
    model: ServedModel
    certificate: Certificate | None
    threads: int | None
    notes: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "schema_version": SCHEMA_VERSION,
            "url": self.url,
            "lan_urls": list(self.lan_urls),
            "https": self.certificate is not None,
            "certificate_sha256": self.certificate.fingerprint if self.certificate else None,
            "isolated": self.server.isolated,
            "threads": self.threads,
            "litertjs": LITERTJS.version,
            "model": {
                key: value
                for key, value in self.model.to_record().items()
                if key not in {"schema_version", "notes", "version"}
            },
            "notes": list(self.notes),
        }


def open_site(request: WebRequest, reporter: Reporter) -> Site:
    """Make everything ready and listen; nothing is answered before ``serve_forever``.

    Raises:
        UsageError: An option is out of range, or the host is not this machine's.
        DataError: The model is missing, damaged, no image classifier, or not for a browser.
        EnvironmentFault: The port is taken, LiteRT.js cannot be had, or --https lacks its library.
    """
    if request.threads is not None and not 1 <= request.threads <= _MAX_THREADS:
        raise UsageError("--threads is out of range", got=request.threads, allowed=f"1 to {_MAX_THREADS}")
    model = served_model(request.model)
    page = page_routes()
    routes = {
        **page,
        **routes_from_folder(web_runtime(reporter), "/litert/"),
        **_model_routes(model, page, request),
    }
    addresses = lan_addresses()
    certificate = _certificate(request, addresses)
    server = open_server(
        request.host,
        request.port,
        routes,
        isolated=request.isolated,
        tls=certificate.context() if certificate else None,
        reporter=reporter,
    )
    url, lan = _urls(server, addresses, "https" if certificate else "http")
    return Site(
        server, url, lan, model, certificate, request.threads, (*model.notes, *_notes(server, certificate))
    )


def _certificate(request: WebRequest, addresses: tuple[str, ...]) -> Certificate | None:
    if request.certificate is not None:
        return given_certificate(request.certificate, request.key)
    if request.key is not None:
        raise UsageError("--key is of no use without --certificate", got=request.key)
    return certificate_for(addresses) if request.https else None


def _model_routes(
    model: ServedModel, page: Mapping[str, Resource], request: WebRequest
) -> dict[str, Resource]:
    facts = {
        **model.to_record(),
        "litert": {"package": LITERTJS.packages[0].name, "version": LITERTJS.version},
        "isolated": request.isolated,
        "threads": request.threads,
        "page_sha256": sha256_of_bytes(
            "".join(page[name].body(compressed=False)[1] for name in sorted(page)).encode()
        ),
    }
    routes = {"/model.tflite": Resource(model.content, ".tflite"), "/model.json": Resource.from_record(facts)}
    if model.sidecar is not None:
        routes["/contract.json"] = Resource(model.sidecar, ".json")
    return routes


def _urls(server: WebServer, addresses: tuple[str, ...], scheme: str) -> tuple[str, tuple[str, ...]]:
    """Return where this machine opens the page, and where others do."""
    bound = server.address
    if bound.is_unspecified:
        here = "127.0.0.1" if bound.version == 4 else "::1"
        others = tuple(
            one for one in addresses if bound.version == 6 or ipaddress.ip_address(one).version == 4
        )
    else:
        here, others = str(bound), () if bound.is_loopback else (str(bound),)
    return _url(scheme, here, server.port), tuple(_url(scheme, other, server.port) for other in others)


def _url(scheme: str, address: str, port: int) -> str:
    return f"{scheme}://{f'[{address}]' if ':' in address else address}:{port}/"


def _notes(server: WebServer, certificate: Certificate | None) -> tuple[str, ...]:
    """Return what a browser will not do here."""
    notes = []
    if not server.is_local and certificate is None:
        notes.append(
            "browsers give the camera to https and localhost only: add --https, or other machines can use files only"
        )
    if not server.is_local and certificate is not None and certificate.ends is not None:
        notes.append(
            "browsers keep no page offline by a certificate that they do not trust: for that give your own --certificate"
        )
    if not server.isolated:
        notes.append("without isolation the model runs on one thread in the browser")
    return tuple(notes)
