"""demo.web.server: what an honest client gets."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from demo.web.raw_client import ROUTES, ask, connect, serving

from edge_effnet.demo.web.headers import accepts_gzip, is_known, local_host
from edge_effnet.demo.web.resource import MIME_TYPES, Resource, page_routes, routes_from_folder
from edge_effnet.demo.web.server import open_server
from edge_effnet.errors import DataError, EnvironmentFault, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_effnet.demo.web.server import WebServer


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    """One server for every question."""
    with serving() as running:
        yield running


@pytest.mark.parametrize(
    ("target", "mime"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/main.js", "text/javascript; charset=utf-8"),
        ("/icon.png", "image/png"),
        ("/x.wasm", "application/wasm"),
    ],
)
def test_every_route_gives_its_bytes_and_its_type(server: WebServer, target: str, mime: str) -> None:
    """Byte for byte, with the length told; wasm by its own type, or browsers do not compile it while it comes."""
    answer = ask(server, target)
    body, tag = ROUTES[target].body(compressed=False)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["content-type"] == mime
    assert answer.headers["content-length"] == str(len(body))
    assert answer.headers["etag"] == tag


def test_head_is_get_without_the_body(server: WebServer) -> None:
    """The same headers, so that a client may ask how long it would take."""
    get, head = ask(server, "/main.js"), ask(server, "/main.js", "HEAD")
    assert head.body == b""
    assert head.headers == get.headers
    missing = ask(server, "/nothing", "HEAD")
    assert (missing.status, missing.body) == (404, b"")


def test_a_query_changes_nothing(server: WebServer) -> None:
    """The page reads its own query; the server does not."""
    assert ask(server, "/main.js?threads=2&x=/../etc").body == ask(server, "/main.js").body


def test_every_answer_has_the_headers_of_security(server: WebServer) -> None:
    """Errors too: a refusal is a page as well."""
    for answer in (ask(server), ask(server, "/nothing"), ask(server, method="POST")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';")
        assert "unsafe-inline" not in policy
        assert "http" not in policy
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["permissions-policy"].startswith("camera=(self)")
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers


def test_without_isolation_only_its_two_headers_are_missing() -> None:
    """What a plain static host gives: the page must find its one-thread way."""
    with serving(isolated=False) as plain:
        headers = ask(plain).headers
    with serving() as isolated:
        missing = set(ask(isolated).headers) - set(headers)
    assert missing == {"cross-origin-opener-policy", "cross-origin-embedder-policy"}


def test_what_is_known_is_not_sent_again(server: WebServer) -> None:
    """An ETag of the content: 304, no body; another one gets it all."""
    tag = ask(server, "/main.js").headers["etag"]
    for value in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = ask(server, "/main.js", If_None_Match=value)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "no-cache"
    assert ask(server, "/main.js", If_None_Match='"other"').status == 200


def test_what_compresses_well_is_compressed_once_for_who_takes_it(server: WebServer) -> None:
    """Never a picture; with an ETag of its own; and caches are told that it depends."""
    plain = ask(server, "/x.wasm")
    packed = ask(server, "/x.wasm", Accept_Encoding="br;q=1.0, gzip;q=0.8")
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.body) == int(packed.headers["content-length"]) < len(plain.body)
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.headers["etag"] != plain.headers["etag"]
    assert ROUTES["/x.wasm"].body(compressed=True)[0] is ROUTES["/x.wasm"].body(compressed=True)[0]
    assert "content-encoding" not in ask(server, "/icon.png", Accept_Encoding="gzip").headers
    assert "content-encoding" not in ask(server, "/x.wasm", Accept_Encoding="gzip;q=0").headers


def test_one_connection_serves_many_requests(server: WebServer) -> None:
    """A page of thirty files over https would else shake hands thirty times."""
    request = b"GET /icon.png HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(server) as connection:
        for _ in range(3):
            connection.sendall(request)
            content = b""
            while not content.endswith(bytes(range(256))):
                content += connection.recv(65536)
            assert content.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_file_that_went_away_is_an_error_of_ours(tmp_path: Path) -> None:
    """500 with a reason, and the server goes on."""
    path = tmp_path / "a.js"
    path.write_text("1")
    routes = routes_from_folder(tmp_path, "/")
    path.unlink()
    with serving(routes | {"/": ROUTES["/"]}) as server:
        answer = ask(server, "/a.js")
        assert answer.status == 500
        assert b"a file of the page is gone" in answer.body
        assert str(tmp_path).encode() not in answer.body
        assert ask(server).status == 200


def test_a_folder_becomes_routes_without_what_is_hidden(tmp_path: Path) -> None:
    """No dot-files, no links out of it; a type that is not known is refused at the start, not at a request."""
    (tmp_path / "page/inner").mkdir(parents=True)
    (tmp_path / "secret.js").write_text("secret")
    for name in ("index.html", "inner/a.js", ".hidden.js"):
        (tmp_path / "page" / name).write_text(name)
    (tmp_path / "page/link.js").symlink_to(tmp_path / "secret.js")
    assert sorted(page_routes(tmp_path / "page")) == ["/", "/index.html", "/inner/a.js"]
    (tmp_path / "page/run.sh").write_text("")
    with pytest.raises(DataError, match="no media type"):
        page_routes(tmp_path / "page")


def test_a_page_without_an_index_is_said(tmp_path: Path) -> None:
    """An installation that lost files."""
    with pytest.raises(EnvironmentFault, match="the page is missing"):
        page_routes(tmp_path)


def test_the_page_of_this_package_can_be_served() -> None:
    """Every file of it has a type."""
    routes = page_routes()
    assert routes["/"] is routes["/index.html"]
    assert all(resource.mime in MIME_TYPES.values() for resource in routes.values())


def test_a_record_is_json() -> None:
    """With the type that says so."""
    resource = Resource.from_record({"a": 1})
    assert resource.mime == "application/json"
    assert resource.body(compressed=False)[0] == b'{\n "a": 1\n}\n'


@pytest.mark.parametrize(
    ("value", "local"),
    [
        ("localhost", True), ("LOCALHOST:8080", True), ("127.0.0.1:1", True), ("[::1]", True), ("[::1]:8080", True),
        ("localhost.evil.example", False), ("evil.example:8080", False), ("127.0.0.1.evil.example", False),
        ("", False), (":8080", False), ("localhost:", False), ("localhost:80:80", False), ("127.0.0.1@evil", False),
        ("::1", False), ("localhost:x", False), ("localhost:\u0661", False),
    ],
)  # fmt: skip
def test_only_this_machines_own_names_are_local(value: str, local: bool) -> None:
    """A page of another site may let its name point here (DNS rebinding): its name is still in the request."""
    assert local_host(value) is local


def test_quality_and_lists_in_headers_are_understood() -> None:
    """As far as they are needed."""
    assert accepts_gzip("deflate, GZIP ; q=0.5")
    assert not accepts_gzip("gzip;q=0.0, br")
    assert not accepts_gzip("xgzip")
    assert is_known('"a"', 'W/"a" , "b"')
    assert not is_known('"a"', "")


@pytest.mark.parametrize(
    ("host", "port", "kind", "words"),
    [
        ("", 0, UsageError, "--host is empty"),
        ("no such host", 0, UsageError, "--host is no address"),
        ("192.0.2.1", 0, UsageError, "no address of this machine"),
        ("127.0.0.1", 65536, UsageError, "--port is no port"),
        ("127.0.0.1", -1, UsageError, "--port is no port"),
    ],
)
def test_what_cannot_be_listened_on_is_said(host: str, port: int, kind: type[Exception], words: str) -> None:
    """192.0.2.1 is set aside for documentation; an empty host would silently mean everybody."""
    with pytest.raises(kind, match=words):
        open_server(host, port, ROUTES)


def test_a_port_that_is_taken_is_said(server: WebServer) -> None:
    """With what to do about it."""
    with pytest.raises(EnvironmentFault, match="the port is taken") as caught:
        open_server("127.0.0.1", server.port, ROUTES)
    assert "--port 0" in str(caught.value)
