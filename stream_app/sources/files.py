"""How a source's lines get into memory: plain, gzip, xz, bzip2 or standard input, one line at a time."""

import bz2
import gzip
import lzma
import sys
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from stream_app.sources.record import SourceUnreadable


def open_bytes(source: str | Path) -> IO[bytes]:
    """Open a source for reading; `-` is standard input.

    Raises:
        SourceUnreadable: If it is absent, a folder, or may not be read.
    """
    if str(source) == "-":
        return sys.stdin.buffer
    path = Path(source)
    try:
        if path.is_dir():
            raise SourceUnreadable(f"{path}: is a folder; name a file in it")
        return _open(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SourceUnreadable(f"{path}: cannot be read ({reason}); check the path") from error


def _open(path: Path) -> IO[bytes]:
    # the caller closes what is returned here
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if path.suffix == ".xz":
        return lzma.open(path, "rb")
    return bz2.open(path, "rb") if path.suffix == ".bz2" else path.open("rb")


def byte_lines(source: str | Path) -> Iterator[bytes]:
    """Yield the lines without their line ends, and the first without the mark of a byte order before it.

    Raises:
        SourceUnreadable: If the source cannot be opened, or is damaged or cut off within its compression.
    """
    number = 0
    with open_bytes(source) as stream:
        try:
            for number, line in enumerate(stream, 1):
                yield (line if number > 1 else line.removeprefix(BOM_UTF8)).rstrip(b"\r\n")
        except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
            raise SourceUnreadable(
                f"{source}: damaged or cut off after line {number} ({error}); fetch it again"
            ) from error


def text_lines(source: str | Path) -> Iterator[str]:
    """Yield the lines as text; bytes that are no UTF-8 become replacement characters, never an abort."""
    for line in byte_lines(source):
        yield line.decode("utf-8", "replace")
