"""`edge-effnet demo web`: the model in a browser, on this machine or on a phone."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Final

import typer

from edge_effnet.cli.console import TerminalReporter, print_json, print_lines, visible

if TYPE_CHECKING:
    from edge_effnet.demo.web.site import Site

__all__ = ["web"]

_SELF_SIGNED: Final = (
    "it is self-signed: a browser warns of it once, and shows its sha256 to compare",
    "  (Chrome: Advanced, Proceed; Safari: Show Details, visit this website)",
)


def web(
    model: Path = typer.Option(..., "--model", metavar="MODEL", help="A .tflite file that `convert` wrote."),
    host: str = typer.Option("127.0.0.1", "--host", help="Listen here; 0.0.0.0 opens it to the network."),
    port: int = typer.Option(8080, "--port", help="0 takes a free one."),
    https: bool = typer.Option(
        False, "--https", help="Encrypt with a self-signed certificate; a phone's camera needs it."
    ),
    certificate: Path | None = typer.Option(
        None, "--certificate", metavar="PEM", help="Your own certificate in place of the self-signed one."
    ),
    key: Path | None = typer.Option(
        None, "--key", metavar="PEM", help="Its key, where that is in another file."
    ),
    no_open: bool = typer.Option(False, "--no-open", help="Do not open a browser."),
    threads: int | None = typer.Option(
        None,
        "--threads",
        help="Threads of the model in the browser; without it the page chooses.",
        show_default=False,
    ),
    no_isolation: bool = typer.Option(
        False,
        "--no-isolation",
        help="Leave out the headers that threads need: what a plain static host gives.",
    ),
    as_json: bool = typer.Option(
        False, "--json", help="Print one JSON document on stdout instead of the address."
    ),
) -> None:
    """Serve a page that runs the model inside the browser. Its first line on stdout is the address; Ctrl-C ends it."""
    from edge_effnet.demo.web.site import WebRequest, open_site

    request = WebRequest(model, host, port, https, not no_isolation, threads, certificate, key)
    site = open_site(request, TerminalReporter(quiet=as_json))
    try:
        if as_json:
            print_json(site.to_record())
        else:
            print_lines(site.url)
        _explain(site)
        if not no_open and _has_display():
            threading.Thread(target=_open_browser, args=(site.url,), daemon=True).start()
        site.server.serve_forever()
    except KeyboardInterrupt:  # the way it ends
        _say("stopped")
    finally:
        site.server.server_close()


def _say(*lines: str) -> None:
    sys.stderr.writelines(f"{visible(line)}\n" for line in lines)
    sys.stderr.flush()


def _explain(site: Site) -> None:
    """Say on stderr what is served, to whom, and what a phone will ask."""
    _say(f"{site.model.path.name} in the browser; Ctrl-C ends it", *(f"! {note}" for note in site.notes))
    if site.server.is_local:
        _say("only this machine can open it; for a phone: --host 0.0.0.0 --https")
    if site.lan_urls:
        _say("everyone in the network can open it:", *(f"  {url}" for url in site.lan_urls))
    if site.certificate is not None:
        _say(f"sha256 of the certificate: {site.certificate.fingerprint}")
        if site.certificate.ends is None:
            _say("it is good for the names that are in it: open the page by one of those")
        else:
            _say(*_SELF_SIGNED, f"it ends on {site.certificate.ends}, and is made anew a month before")
        if site.lan_urls:
            _print_qr(site.lan_urls[0])


def _print_qr(url: str) -> None:
    try:
        import segno
    except ImportError:
        _say("! no QR code: pip install 'edge-effnet[web]'")
        return
    picture = io.StringIO()
    segno.make(url, error="l").terminal(out=picture, compact=True)
    try:
        picture.getvalue().encode(sys.stderr.encoding or "ascii")
    except UnicodeEncodeError:
        _say("! no QR code: this terminal has no block characters")
        return
    _say(f"for a phone in the same network: {url}", *picture.getvalue().splitlines())


def _has_display() -> bool:
    return not sys.platform.startswith("linux") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def _open_browser(url: str) -> None:
    import webbrowser

    if not webbrowser.open(url):
        _say(f"! no browser could be opened: open {url}")
