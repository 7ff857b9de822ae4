"""Nothing enters the broker's class path that is not pinned, and nothing is fetched twice."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from jgo.maven import MavenContext

from stream_app.embedded.jars import Jar, _fetch, class_path, default_cache, locked_jars
from stream_app.embedded.progress import Silence
from stream_app.errors import Unavailable

CONTENT = b"not really a jar"
JAR = Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@contextmanager
def repository(status: int) -> Iterator[str]:
    """A Maven repository on loopback that answers every request with a status and the same bytes."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = CONTENT if self.path.endswith(".jar") else hashlib.sha1(CONTENT).hexdigest().encode()  # noqa: S324
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def test_a_jar_arrives_and_is_verified(tmp_path: Path) -> None:
    with repository(200) as url:
        path = _fetch(JAR, MavenContext(repo_cache=tmp_path, remote_repos={"here": url}))

    assert path.read_bytes() == CONTENT


def test_other_bytes_than_the_pinned_ones_are_refused(tmp_path: Path) -> None:
    pinned = replace(JAR, sha256="0" * 64)

    with (
        repository(200) as url,
        pytest.raises(Unavailable, match=r"org\.example:thing:1\.0.* is not the pinned file"),
    ):
        _fetch(pinned, MavenContext(repo_cache=tmp_path, remote_repos={"here": url}))


def test_a_refused_download_is_one_line_with_what_to_do(tmp_path: Path) -> None:
    with (
        repository(403) as url,
        pytest.raises(Unavailable, match=r"thing:1\.0.* was refused .*LIFECYCLE_KAFKA"),
    ):
        _fetch(JAR, MavenContext(repo_cache=tmp_path, remote_repos={"here": url}))


def test_without_network_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    with pytest.raises(Unavailable, match=r"cannot download org\.apache\.kafka.*\(.*\): check the network"):
        class_path(tmp_path, Silence())


@pytest.mark.integration
def test_a_complete_cache_needs_no_network_and_a_damaged_jar_is_noticed(
    kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kafka  # so the user's cache is filled
    store = default_cache() / f"kafka-{locked_jars()[0].version}"
    copy = tmp_path / store.name
    copy.mkdir()
    for jar in locked_jars():
        (copy / jar.file_name).symlink_to(store / jar.file_name)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    assert class_path(tmp_path, Silence()).count(".jar") == len(locked_jars())

    damaged = locked_jars()[3]
    content = bytearray((store / damaged.file_name).read_bytes())
    content[100] ^= 1
    (copy / damaged.file_name).unlink()
    (copy / damaged.file_name).write_bytes(content)
    with pytest.raises(Unavailable, match=rf"cannot download {damaged.coordinate}"):
        class_path(tmp_path, Silence())
