"""Text bytes -> blocks of whole rows, with the line each row starts on; rows that are no text are set aside.

Lives here: row boundaries by RFC 4180 quotes, line numbers, undecodable rows, control bytes, the line budget.
Everything is counted over the bytes with whole-block operations: this is the count that the engine must match.
Does not live here: encodings as such (`text_encodings.py`), header and fields (`delimited.py`, `json_lines.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from orchestration.errors import CxwError
from orchestration.rejects import Account
from orchestration.text_encodings import is_single_byte, would_decode

_LF, _CR = 10, 13
_WINDOW = 1 << 16  # looked at after a broken quote, so that many of them do not mean as many looks at a whole block


@dataclass(frozen=True)
class Block:
    """Whole rows in UTF-8, each ending in a line feed, and the line on which each begins."""

    text: bytes
    lines: np.ndarray


@dataclass(frozen=True)
class Dialect:
    """How rows are told apart. `quote` and `delimiter` are single bytes, or empty for formats without them."""

    quote: bytes
    delimiter: bytes
    encoding: str
    max_line_bytes: int


class RecordReader:
    """Cuts text into whole rows. Iterate `blocks`; afterwards `line` is the number of the line after the last.

    Args:
        text: blocks of bytes, see `utf8_blocks`.
        dialect: quotes and budget.
        account: where bad rows go; its `rows_in` grows by every row seen.
        name_column: bytes of a row and a position in it -> header name of the field there, for messages.
        line: number of the first line.
        holds_back_last: keep the last row apart in `last_row` (a trailer).
    """

    def __init__(
        self, text: Iterator[bytes], dialect: Dialect, account: Account, *, name_column: Callable[[bytes, int], str],
        line: int = 1, holds_back_last: bool = False,
    ) -> None:  # fmt: skip
        self._text, self._dialect, self._account, self._name_column = text, dialect, account, name_column
        self.line, self._holds_back_last, self.last_row = line, holds_back_last, b""
        self._offset = 0
        self.is_utf8 = not is_single_byte(dialect.encoding)

    def blocks(self, first: bytes = b"", *, may_lack_final_line_end: bool = False) -> Iterator[Block]:
        """Whole rows of `first` (what was read beyond the header) and of everything behind it."""
        carry = b""
        for block in itertools.chain([first], self._text):
            if not block:
                continue
            buffer = carry + block if carry else block
            carry, made = self._cut(buffer, final=False)
            if made is not None:
                yield made
            if len(carry) > self._dialect.max_line_bytes and not self._holds_back_last:
                raise self._too_long(0)
        if not carry and not self._holds_back_last:
            return
        if len(carry) > self._dialect.max_line_bytes and not self._holds_back_last:
            raise self._too_long(0)
        if not carry.endswith(b"\n"):
            if carry.count(self._dialect.quote) % 2 if self._dialect.quote else False:
                raise CxwError(
                    "E-CSV-002", f"a quote opened on line {self.line} or later never closes", where=self._account.where
                )
            if carry and not may_lack_final_line_end and not self._holds_back_last:
                raise CxwError(
                    "E-CSV-001", "no line end at the end of the file, it may be cut", where=self._account.where
                )
            carry += b"\n" if carry else b""
        carry, made = self._cut(carry, final=True)
        if made is not None:
            yield made
        if carry:
            raise CxwError("E-CSV-002", f"a quote opened on line {self.line} never closes", where=self._account.where)

    def _too_long(self, offset: int) -> CxwError:
        budget = self._dialect.max_line_bytes
        place = f"line {self.line} at byte {self._offset + offset}"
        hint = "; an unclosed quote may have swallowed rows" if self._dialect.quote else ""
        return CxwError("E-CSV-003", f"{place} is longer than max_line_bytes {budget}{hint}", where=self._account.where)

    def _cut(self, buffer: bytes, *, final: bool) -> tuple[bytes, Block | None]:
        """Rest of the buffer behind its last whole row, and the good rows before it."""
        quote = self._dialect.quote
        if b"\r" in buffer and b"\r\r\n" in buffer and not (quote and quote in buffer):
            buffer = buffer.replace(b"\r\r\n", b"\r\n")
        parts: list[bytes] = []
        lines: list[np.ndarray] = []
        position, limit = 0, len(buffer)
        while position < len(buffer):
            ends, numbers, after, stray = self._boundaries(buffer, position, limit)
            if not len(ends) and stray is None and limit < len(buffer):
                limit = len(buffer)
                continue
            if self._holds_back_last and len(ends) and limit == len(buffer):
                if final and stray is None:
                    held = int(ends[-2]) if len(ends) > 1 else position
                    self.last_row = buffer[held : int(ends[-1])]
                ends, numbers = ends[:-1], numbers[:-1]
            stop = int(ends[-1]) if len(ends) else position
            if len(ends):
                good, kept = self._screen(buffer[position:stop], ends - position, numbers)
                parts.append(good)
                lines.append(kept)
                self.line = int(after[len(ends) - 1])
            if stray is None:
                position = stop
                if limit < len(buffer):
                    limit = min(position + _WINDOW, len(buffer))
                    continue
                if self._holds_back_last and final:
                    position = len(buffer)
                break
            # A quote where none may stand: only its first physical line is given up, so that no later row is swallowed.
            line_end = buffer.find(b"\n", stop) + 1
            if not line_end:
                position = stop
                break
            row = buffer[stop:line_end]
            self._account.rows_in += 1
            self._account.reject(
                self.line, self._name_column(row, max(stray - stop, 0)), "E-CSV-012", "quote", _printable(row)
            )
            self.line += 1
            position, limit = line_end, min(line_end + _WINDOW, len(buffer))
        self._offset += position
        text = b"".join(parts)
        return buffer[position:], Block(text, np.concatenate(lines)) if text else None

    def _boundaries(
        self, buffer: bytes, start: int, limit: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, int | None]:
        """Ends of whole rows, the line each begins on, the line after each, the first quote that breaks RFC 4180."""
        quote, delimiter = self._dialect.quote, self._dialect.delimiter
        data = np.frombuffer(buffer, np.uint8)[start:limit]
        feeds = np.flatnonzero(data == _LF)
        if not quote or buffer.find(quote, start, limit) < 0:
            lines = self.line + np.arange(len(feeds) + 1)
            return feeds + (start + 1), lines[:-1], lines[1:], None
        quotes = np.flatnonzero(data == quote[0])
        outside = np.searchsorted(quotes, feeds) % 2 == 0
        opening, closing = quotes[0::2], quotes[1::2]
        before = data[np.maximum(opening - 1, 0)]
        after = data[np.minimum(closing + 1, len(data) - 1)]
        # Inside quotes a doubled quote closes and opens again at once, so a quote may stand beside a quote.
        fine_open = (opening == 0) | np.isin(before, (delimiter[0], _LF, quote[0]))
        fine_close = (closing + 1 >= len(data)) | np.isin(after, (delimiter[0], _LF, _CR, quote[0]))
        wrong = np.concatenate([opening[~fine_open], closing[~fine_close]])
        stray = None
        ends = feeds[outside]
        numbers = np.flatnonzero(outside)
        if len(wrong):
            first = int(wrong.min())
            inside = int(np.searchsorted(ends, first))  # rows that end before the stray quote are whole
            ends, numbers, stray = ends[:inside], numbers[:inside], first + start
        begins = np.concatenate([[0], numbers[:-1] + 1]) if len(numbers) else numbers
        return ends + (start + 1), self.line + begins, self.line + numbers + 1, stray

    def _screen(self, text: bytes, ends: np.ndarray, lines: np.ndarray) -> tuple[bytes, np.ndarray]:
        """Rows that are text; the others are set aside. Blank lines are no rows."""
        self._refuse_long_rows(text, ends)
        starts = np.concatenate([[0], ends[:-1]])
        lengths = ends - starts
        if lengths.min() <= len(b"\r\n"):
            first = np.frombuffer(text, np.uint8)[starts]
            filled = ~((lengths == 1) | ((lengths == 2) & (first == _CR)))
            text, lines, ends = _only(text, starts, ends, filled), lines[filled], np.cumsum(lengths[filled])
            starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
        self._account.rows_in += len(lines)
        bad: dict[int, tuple[int, str, str]] = {}  # row -> position, code, what
        if b"\r" in text and text.count(b"\r") != text.count(b"\r\n"):  # one byte is found ten times faster than two
            data = np.frombuffer(text, np.uint8)
            returns = np.flatnonzero((data[:-1] == _CR) & (data[1:] != _LF))
            if self._dialect.quote:
                quotes = np.flatnonzero(data == self._dialect.quote[0])
                returns = returns[np.searchsorted(quotes, returns) % 2 == 0]
            self._note(bad, ends, starts, returns, "E-CSV-013", "carriage_return")
        if b"\0" in text:
            zeros = np.flatnonzero(np.frombuffer(text, np.uint8) == 0)
            self._note(bad, ends, starts, zeros, "E-CSV-013", "nul_byte")
        decoded = self._decode(text, starts, ends, bad)
        if not bad:
            return decoded, lines
        for row, (position, code, what) in sorted(bad.items()):
            raw = text[starts[row] : ends[row]]
            self._account.reject(int(lines[row]), self._name_column(raw, position), code, what, _printable(raw))
        good = np.ones(len(lines), bool)
        good[list(bad)] = False
        kept = _only(text, starts, ends, good)
        return (kept if self.is_utf8 else kept.decode(self._dialect.encoding).encode()), lines[good]

    def _note(
        self,
        bad: dict[int, tuple[int, str, str]],
        ends: np.ndarray,
        starts: np.ndarray,
        places: np.ndarray,
        code: str,
        what: str,
    ) -> None:
        for place, row in zip(places, np.searchsorted(ends, places, side="right"), strict=True):
            bad.setdefault(int(row), (int(place - starts[row]), code, what))

    def _decode(self, text: bytes, starts: np.ndarray, ends: np.ndarray, bad: dict[int, tuple[int, str, str]]) -> bytes:
        """The text in UTF-8; rows with bytes that the encoding does not know are noted in `bad`."""
        if text.isascii():
            return text
        encoding = "utf-8" if self.is_utf8 else self._dialect.encoding
        try:
            decoded = text.decode(encoding)
            return text if self.is_utf8 else decoded.encode()
        except UnicodeDecodeError:
            pass
        high = np.flatnonzero(np.frombuffer(text, np.uint8) >= 128)
        for row in np.unique(np.searchsorted(ends, high, side="right")):
            raw = text[starts[row] : ends[row]]
            try:
                raw.decode(encoding)
            except UnicodeDecodeError as error:
                would = would_decode(raw, encoding)
                hint = f"encodings that would decode them: {', '.join(would) or 'none of the usual ones'}"
                self._account.warn(f"bytes that {encoding} does not know; {hint}")
                bad[int(row)] = (error.start, "E-CSV-011", f"byte_0x{raw[error.start]:02X}")
        return text

    def _refuse_long_rows(self, text: bytes, ends: np.ndarray) -> None:
        budget = self._dialect.max_line_bytes
        if len(text) <= budget:
            return
        lengths = np.diff(ends, prepend=0)
        if lengths.max() > budget:
            raise self._too_long(int(ends[int(lengths.argmax())]) - int(lengths.max()))


def _only(text: bytes, starts: np.ndarray, ends: np.ndarray, keep: np.ndarray) -> bytes:
    """The rows of `text` that `keep` marks; runs of neighbours are copied as one."""
    turns = np.flatnonzero(np.diff(np.concatenate([[False], keep, [False]]).astype(np.int8)))
    runs = zip(starts[turns[0::2]].tolist(), ends[turns[1::2] - 1].tolist(), strict=True)
    return b"".join(text[begin:end] for begin, end in runs)


def _printable(raw: bytes) -> str:
    return raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
