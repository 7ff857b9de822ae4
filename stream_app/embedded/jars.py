"""Where are the jars of the embedded broker, and are they the right ones?

``kafka-jars.lock`` pins every jar by coordinate and SHA-256. A jar that is missing from the user's cache is
fetched through jgo from the Maven repositories that jgo knows; nothing enters the class path unverified. Once
all are there, no network is needed.
"""

import hashlib
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import requests
from jgo.maven import MavenContext

from stream_app.embedded.disk import make_directory, require_space
from stream_app.embedded.progress import Listener
from stream_app.errors import Unavailable

_TIMEOUT_S = 60


@dataclass(frozen=True)
class Jar:
    """One pinned jar.

    Args:
        group: Maven group id.
        artifact: Maven artifact id.
        version: Its version.
        sha256: Hexadecimal digest of the file.
        size: Bytes of the file.
    """

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """Name of the jar in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        """What Maven calls it."""
        return f"{self.group}:{self.artifact}:{self.version}"

    def is_in(self, path: Path) -> bool:
        """Tell whether a file is this jar, byte for byte.

        Args:
            path: The file; need not exist.

        Returns:
            True when size and digest agree.
        """
        try:
            if path.stat().st_size != self.size:
                return False
            with path.open("rb") as content:
                return hashlib.file_digest(content, "sha256").hexdigest() == self.sha256
        except FileNotFoundError:
            return False


def locked_jars() -> tuple[Jar, ...]:
    """Read the lock that belongs to this version of the program.

    Returns:
        All jars of the class path; the first is the broker itself.

    Examples:
        >>> locked_jars()[0].coordinate
        'org.apache.kafka:kafka_2.13:4.1.1'
    """
    text = files("stream_app.embedded").joinpath("kafka-jars.lock").read_text("utf-8")
    rows = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    named = ((*name.split(":"), sha256, size) for name, sha256, size in rows)
    return tuple(Jar(group, name, release, sha256, int(size)) for group, name, release, sha256, size in named)


def default_cache() -> Path:
    """Tell where this user's caches live, by the conventions of the system.

    Returns:
        A directory of ours in there; it need not exist yet.
    """
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "lifecycle"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lifecycle"


def class_path(cache: Path, listener: Listener) -> str:
    """Provide every jar, downloading those that the cache does not hold intact.

    Several processes may do so at once: each jar arrives in a file of its own and is moved into place when
    verified.

    Args:
        cache: Directory of the cache; created when missing.
        listener: Hears of downloads.

    Returns:
        The class path for Java.

    Raises:
        Unavailable: If a jar cannot be had or is not the pinned one, or the disk is full.
    """
    jars = locked_jars()
    store = cache / f"kafka-{jars[0].version}"
    missing = [jar for jar in jars if not jar.is_in(store / jar.file_name)]
    if missing:
        _download(missing, store, listener)
    return os.pathsep.join(str(store / jar.file_name) for jar in jars)


def _download(jars: Sequence[Jar], store: Path, listener: Listener) -> None:
    total = sum(jar.size for jar in jars)
    require_space(store, 2 * total, "the jars of the embedded Kafka")
    make_directory(store)
    listener.say(f"downloading {len(jars)} jars of Kafka ({total / 1e6:.0f} MB) into {store}, once")
    done = 0
    counting = threading.Lock()
    with tempfile.TemporaryDirectory(prefix="incoming-", dir=store) as incoming:
        maven = MavenContext(repo_cache=Path(incoming), timeout=_TIMEOUT_S)

        def fetch(jar: Jar) -> None:
            nonlocal done
            _fetch(jar, maven).replace(store / jar.file_name)
            with counting:
                done += jar.size
                listener.downloaded(done, total)

        pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="jars")
        try:
            for _ in pool.map(fetch, jars):
                pass
        finally:
            pool.shutdown(cancel_futures=True)


def _fetch(jar: Jar, maven: MavenContext) -> Path:
    """Bring one jar into the incoming directory and verify it."""
    where = f"{jar.coordinate}, needed by the embedded Kafka"
    advice = "check the network and proxy settings, or set LIFECYCLE_KAFKA to a broker of your own"
    try:
        path = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    except requests.RequestException as error:
        raise Unavailable(f"cannot download {where} ({_reason(error)}): {advice}") from error
    except RuntimeError as error:  # jgo: no repository has it or gives it
        raise Unavailable(f"download of {where}, was refused by every Maven repository: {advice}") from error
    except OSError as error:
        raise Unavailable(f"cannot store {where} ({error}): free the disk or choose another cache") from error
    if not jar.is_in(path):
        raise Unavailable(
            f"what arrived as {where}, is not the pinned file (SHA-256 differs): "
            "something between here and the Maven repository changes downloads; nothing was kept"
        )
    return path


def _reason(error: requests.RequestException) -> str:
    kinds = {
        requests.exceptions.ProxyError: "the proxy refuses",
        requests.exceptions.SSLError: "the certificate is not trusted",
        requests.exceptions.Timeout: "no answer in time",
        requests.exceptions.ConnectionError: "connection refused or no network",
    }
    return next((words for kind, words in kinds.items() if isinstance(error, kind)), type(error).__name__)
