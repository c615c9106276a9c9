"""Delimited text -> Arrow batches of text by contract column, each row with its line.

Lives here: preamble, header, trailer, fields. Columns bind by header name, never by position.
Does not live here: row boundaries and encodings (`text_records.py`), types (`casting.py`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.csv

from orchestration.contracts import Contract
from orchestration.errors import CxwError
from orchestration.rejects import Account
from orchestration.settings import Settings
from orchestration.text_encodings import utf8_blocks
from orchestration.text_records import Block, Dialect, RecordReader


def bind_headers(
    headers: list[str], contract: Contract, account: Account, settings: Settings, *, names_all: bool = True
) -> dict[str, int]:
    """Position of each contract column among the delivered headers.

    `names_all` is False for JSON lines, where a key may first come further down.

    Raises:
        CxwError: E-LND-016 for blank, repeated or missing headers, E-LND-015 for extra ones where they are refused.
    """
    if len(headers) > settings.max_columns:
        raise CxwError(
            "E-LND-005", f"{len(headers)} columns, max_columns is {settings.max_columns}", where=account.where
        )
    names = [header.strip() for header in headers]
    if "" in names:
        raise CxwError("E-LND-016", f"the header of column {names.index('') + 1} is blank", where=account.where)
    bound: dict[str, int] = {}
    columns = {column.name: column for column in contract.columns}
    extra = []
    for position, name in enumerate(names):
        target = contract.extract.aliases.get(name, name)
        if names.count(name) > 1 or target in bound:
            name_of = target if target in columns else "no column of the contract"
            message = f"the header of column {position + 1} comes twice ({name_of})"
            raise CxwError("E-LND-016", message, where=account.where)
        if target in columns:
            bound[target] = position
        else:
            extra.append(_safe(name))
    position_key = contract.extract.position_key
    absent = [name for name in columns if name not in bound and name != position_key]
    missing = [name for name in absent if columns[name].is_required or name in contract.primary_key]
    if missing:
        raise CxwError("E-LND-016", f"required columns are missing: {', '.join(missing)}", where=account.where)
    if extra and contract.extract.on_extra_column == "refuse":
        raise CxwError("E-LND-015", f"columns outside the contract: {', '.join(extra)}", where=account.where)
    if extra:
        account.warn(f"columns outside the contract are ignored: {', '.join(extra)}")
    optional = [name for name in absent if name != "is_deleted"]
    if optional and names_all:
        account.warn(f"optional columns are absent and null: {', '.join(optional)}")
    return bound


def _safe(name: str) -> str:
    """A header in a message: a file without header line would otherwise print its first row."""
    return name if re.fullmatch(r"[A-Za-z][A-Za-z0-9_ .-]{0,62}", name) else "(unprintable)"


def read_delimited(
    blocks: Iterator[bytes], contract: Contract, settings: Settings, account: Account
) -> Iterator[tuple[list[pa.Array | None], np.ndarray]]:
    """Text columns in contract order (None = absent) and line numbers, block by block."""
    extract = contract.extract
    dialect = Dialect(extract.quote.encode(), extract.delimiter.encode(), extract.encoding, settings.max_line_bytes)
    text = utf8_blocks(blocks, dialect.encoding, account.where)
    headers: list[str] = []

    def name_column(row: bytes, position: int) -> str:
        field = _field_number(row[:position], dialect)
        return _safe(headers[field]) if field < len(headers) else ""

    reader = RecordReader(text, dialect, account, name_column=name_column, holds_back_last=extract.has_trailer)
    rest = _take_header(text, reader, dialect, contract, account, headers, settings)
    bound = bind_headers(headers, contract, account, settings)
    may_be_open = extract.has_trailer or account.announced_rows is not None
    for block in reader.blocks(rest, may_lack_final_line_end=may_be_open):
        yield _fields(block, headers, bound, contract, dialect, account)
    if extract.has_trailer:
        numbers = re.findall(rb"\d+", reader.last_row)
        if len(numbers) != 1:
            raise CxwError("E-LND-010", "the last line does not hold exactly one number", where=account.where)
        account.announced_rows = int(numbers[0])


def _take_header(
    text: Iterator[bytes], reader: RecordReader, dialect: Dialect, contract: Contract, account: Account,
    headers: list[str], settings: Settings,
) -> bytes:  # fmt: skip
    """Fill `headers` from the line behind the preamble; returns the bytes read beyond it."""
    buffer, skipped = b"", 0
    while True:
        end = buffer.find(b"\n")
        if end >= 0 and skipped < contract.extract.preamble_lines:
            buffer, skipped, reader.line = buffer[end + 1 :], skipped + 1, reader.line + 1
            continue
        while end >= 0 and dialect.quote and buffer.count(dialect.quote, 0, end) % 2:
            end = buffer.find(b"\n", end + 1)
        if end >= 0:
            break
        block = next(text, None)
        if block is None:
            if buffer.strip():
                lone = b"\r" in buffer
                code, message = ("E-CSV-005", "lines end with a lone carriage return") if lone else (
                    "E-CSV-001", "no line end behind the header, the file may be cut")  # fmt: skip
                raise CxwError(code, message, where=account.where)
            raise CxwError("E-CSV-006", "no header line", where=account.where)
        buffer += block
        if len(buffer) > settings.max_line_bytes + len(block):
            raise CxwError(
                "E-CSV-003", f"the header is longer than max_line_bytes {settings.max_line_bytes}", where=account.where
            )
    line = buffer[:end].rstrip(b"\r")
    if b"\r" in line and not (dialect.quote and dialect.quote in line):
        raise CxwError("E-CSV-005", "lines end with a lone carriage return", where=account.where)
    encoding = "utf-8" if reader.is_utf8 else dialect.encoding
    try:
        decoded = line.decode(encoding)
    except UnicodeDecodeError:
        raise CxwError("E-CSV-004", f"the header is not {dialect.encoding}", where=account.where) from None
    quoting = {"quotechar": dialect.quote.decode()} if dialect.quote else {"quoting": csv.QUOTE_NONE}
    headers += next(csv.reader(io.StringIO(decoded, newline=""), delimiter=dialect.delimiter.decode(), **quoting), [])
    if not any(header.strip() for header in headers):
        raise CxwError("E-CSV-006", "no header line", where=account.where)
    reader.line += buffer.count(b"\n", 0, end + 1)
    return buffer[end + 1 :]


def _fields(
    block: Block, headers: list[str], bound: dict[str, int], contract: Contract, dialect: Dialect, account: Account
) -> tuple[list[pa.Array | None], np.ndarray]:
    names = [f"h{position}" for position in range(len(headers))]
    wanted = {name: names[position] for name, position in bound.items()}
    is_quoted = bool(dialect.quote) and dialect.quote in block.text  # without, fields are split in less time
    ragged: list[pa.csv.InvalidRow] = []

    def keep_for_later(row: pa.csv.InvalidRow) -> str:  # an exception in here would print the row
        ragged.append(row)
        return "skip"

    try:
        table = pa.csv.read_csv(
            pa.BufferReader(block.text),
            pa.csv.ReadOptions(use_threads=False, block_size=len(block.text) + 1, column_names=names),
            pa.csv.ParseOptions(
                delimiter=dialect.delimiter.decode(),
                quote_char=dialect.quote.decode() if is_quoted else False,
                newlines_in_values=is_quoted,
                invalid_row_handler=keep_for_later,
            ),
            pa.csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=list(wanted.values()),
                strings_can_be_null=False,  # what is blank is said once, in `casting.py`
            ),
        )
    except pa.ArrowInvalid:
        message = f"the rows from line {int(block.lines[0])} on cannot be split into fields"
        raise CxwError("E-CSV-010", message, where=account.where) from None
    for row in ragged:
        what = f"{row.actual_columns}_fields_for_{row.expected_columns}"
        account.reject(int(block.lines[row.number - 1]), "", "E-CSV-010", what, row.text)
    lines = np.delete(block.lines, [row.number - 1 for row in ragged]) if ragged else block.lines
    if table.num_rows != len(lines):
        message = f"{len(block.lines)} rows counted, {table.num_rows} read near line {int(block.lines[0])}"
        raise CxwError("E-LND-011", message, where=account.where)
    columns = []
    for column in contract.columns:
        if column.name not in wanted:
            columns.append(None)
            continue
        chunks = table.column(wanted[column.name])
        columns.append(chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks())  # which copies
    return columns, lines


def _field_number(before: bytes, dialect: Dialect) -> int:
    """Number of delimiters outside quotes in the beginning of a row."""
    if not dialect.quote:
        return before.count(dialect.delimiter)
    return sum(part.count(dialect.delimiter) for part in before.split(dialect.quote)[0::2])
