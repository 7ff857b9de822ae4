"""Which secret signs the model snapshots?"""

import os
import secrets
from pathlib import Path

from scorers.snapshot import LEAST_KEY_BYTES
from stream_app.errors import Misconfigured, Unavailable

KEY_FILE = "model.key"


def model_key(configured: str | None, data_dir: Path) -> bytes:
    """Return the configured key, else the one in the data directory, which is made when missing.

    Every trainer and worker needs the same one: on several machines configure it.

    Args:
        configured: The setting ``models.key``; `None` when unset.
        data_dir: Where a random key is kept, readable by its owner only.

    Raises:
        Misconfigured: If the key is too short.
        Unavailable: If the key file can be neither read nor made.
    """
    if configured is not None:
        return _checked(configured.encode(), "models.key (LIFECYCLE_MODELS__KEY)")
    path = data_dir / KEY_FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        return _checked(path.read_bytes(), str(path))
    except OSError as error:
        raise Unavailable(
            f"the model key {path} cannot be kept ({error}): make the directory writable"
        ) from error


def _make(path: Path) -> None:
    """Write a whole key or none: of two processes that start together, the first one's key stays."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _checked(key: bytes, where: str) -> bytes:
    if len(key) < LEAST_KEY_BYTES:
        raise Misconfigured(f"{where} has {len(key)} bytes: a model key needs at least {LEAST_KEY_BYTES}")
    return key
