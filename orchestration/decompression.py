"""Bytes of a raw object as the exporter wrote them: plain, or out of gzip, within the budgets.

Lives here: gzip integrity (length, checksum, members, nothing behind the end), expansion and time budgets.
Does not live here: what the bytes mean (`delimited.py`, `json_lines.py`). Memory does not grow with the file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from isal import isal_zlib

from orchestration.errors import CxwError
from orchestration.settings import Settings

BLOCK = 1 << 20
_MAGIC = b"\x1f\x8b"
_READ_AHEAD = BLOCK // 4
_RATIO_FROM = 10_000_000  # a small file of one repeated row may well shrink 200-fold; it is no bomb


class Budget:
    """What one file may still use; `spend` raises E-LND-005 when it is over."""

    def __init__(self, settings: Settings, compressed_bytes: int, where: str) -> None:
        self._settings, self._compressed, self._where = settings, max(compressed_bytes, 1), where
        self._expanded, self._deadline = 0, time.monotonic() + settings.max_file_seconds

    def spend(self, expanded_bytes: int, read_bytes: int | None = None) -> None:
        """Count bytes that came out of the `read_bytes` read so far (default: the whole file).

        A bomb is not given the size of what has not been read yet, or it would burn that much first.
        """
        settings = self._settings
        self._expanded += expanded_bytes
        packed = self._compressed if read_bytes is None else min(self._compressed, read_bytes + _READ_AHEAD)
        if self._expanded > settings.max_expanded_bytes:
            message = f"expands to more than max_expanded_bytes {settings.max_expanded_bytes}"
        elif self._expanded > max(_RATIO_FROM, settings.max_compression_ratio * packed):
            message = f"expands more than max_compression_ratio {settings.max_compression_ratio} to 1"
        elif time.monotonic() > self._deadline:
            message = f"takes longer than max_file_seconds {settings.max_file_seconds}"
        else:
            return
        raise CxwError("E-LND-005", message, where=self._where)


def expanded(path: Path, is_gzip: bool, settings: Settings, where: str) -> Iterator[bytes]:
    """Blocks of the delivered text, at most a few MB each.

    Raises:
        CxwError: E-LND-009 for gzip that is cut or damaged, E-LND-005 above a budget, E-LND-014 without the object.
    """
    try:
        budget = Budget(settings, path.stat().st_size, where)
        with path.open("rb", buffering=0) as file:
            blocks = iter(lambda: file.read(BLOCK // 4 if is_gzip else 4 * BLOCK), b"")
            for block in _members(blocks, where) if is_gzip else blocks:
                budget.spend(len(block), file.tell())
                yield block
    except FileNotFoundError:
        raise CxwError("E-LND-014", "the raw object is missing", where=where) from None


def _members(blocks: Iterator[bytes], where: str) -> Iterator[bytes]:
    """Members of a gzip stream; several in a row are legal and read as one file."""
    member, offset, pending = isal_zlib.decompressobj(31), 0, b""
    for block in blocks:
        offset += len(block)
        data = pending + block
        pending = b""
        while data:
            if member.eof:
                if len(data) < len(_MAGIC):
                    pending = data
                    break
                if not data.startswith(_MAGIC):
                    raise CxwError(
                        "E-LND-009", f"something that is not gzip follows at byte {offset - len(data)}", where=where
                    )
                member = isal_zlib.decompressobj(31)
            try:
                text = member.decompress(data, 4 * BLOCK)
            except isal_zlib.error as error:
                kind = (
                    "the checksum is wrong" if "check" in str(error) and "header" not in str(error) else "it is damaged"
                )
                raise CxwError("E-LND-009", f"gzip: {kind}, at or before byte {offset}", where=where) from None
            if text:
                yield text
            data = member.unused_data if member.eof else member.unconsumed_tail
    if pending:
        raise CxwError("E-LND-009", f"something that is not gzip follows at byte {offset - len(pending)}", where=where)
    while not member.eof:
        text = member.decompress(b"", 4 * BLOCK)
        if not text:
            raise CxwError("E-LND-009", f"gzip ends early at byte {offset}", where=where)
        yield text
