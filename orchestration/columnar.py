"""Parquet and workbooks -> Arrow batches by contract column, each row with its number.

Lives here: formats whose cells already have a type. Rows are counted by the file itself: the Parquet footer, the sheet.
Does not live here: what a type may become (`casting.py`), text formats (`delimited.py`, `json_lines.py`).
"""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration.contracts import Contract, ExtractSettings
from orchestration.decompression import Budget
from orchestration.delimited import bind_headers
from orchestration.errors import CxwError
from orchestration.rejects import Account
from orchestration.settings import Settings

_BATCH_ROWS = 65_536


def parquet_schema(path: Path, contract: Contract, settings: Settings, account: Account) -> pa.Schema:
    """Types of the contract columns as they will be read; absent columns are text of nulls."""
    schema = _open_parquet(path, account).schema_arrow
    bound = bind_headers(schema.names, contract, account, settings)
    return pa.schema(
        [
            pa.field(
                f"c{number}", _read_as(schema.field(bound[column.name]).type) if column.name in bound else pa.string()
            )
            for number, column in enumerate(contract.columns)
        ]
    )


def _read_as(delivered: pa.DataType) -> pa.DataType:
    """Types that the engine takes as they are; nanoseconds become text, so that a digit too many is seen."""
    if pa.types.is_timestamp(delivered):
        return pa.string() if delivered.unit == "ns" else pa.timestamp("us", "UTC" if delivered.tz else None)
    if pa.types.is_date(delivered):
        return pa.date32()
    if pa.types.is_floating(delivered):
        return pa.float64()
    plain = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_decimal)
    return delivered if any(check(delivered) for check in plain) else pa.string()


def read_parquet(
    path: Path, contract: Contract, settings: Settings, account: Account, schema: pa.Schema
) -> Iterator[tuple[list[pa.Array], np.ndarray]]:
    """Typed columns in contract order and row numbers."""
    file = _open_parquet(path, account)
    bound = bind_headers(file.schema_arrow.names, contract, account, settings)
    names = file.schema_arrow.names
    wanted = [names[bound[column.name]] if column.name in bound else None for column in contract.columns]
    budget, row = Budget(settings, path.stat().st_size, account.where), 1
    if file.metadata.num_rows > settings.max_rows:
        raise CxwError(
            "E-LND-005", f"{file.metadata.num_rows} rows, max_rows is {settings.max_rows}", where=account.where
        )
    account.rows_in = file.metadata.num_rows
    try:
        for batch in file.iter_batches(_BATCH_ROWS, columns=[name for name in wanted if name]):
            budget.spend(batch.nbytes)
            columns = [
                pa.nulls(batch.num_rows, pa.string()) if name is None else _as_type(batch.column(name), field.type)
                for name, field in zip(wanted, schema, strict=True)
            ]
            yield columns, np.arange(row, row + batch.num_rows)
            row += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        raise CxwError("E-PQT-001", f"cannot be read: {type(error).__name__}", where=account.where) from None


def _as_type(cells: pa.Array, wanted: pa.DataType) -> pa.Array:
    if cells.type == wanted:
        return cells
    if pa.types.is_timestamp(cells.type) and pa.types.is_string(wanted):
        text = pc.cast(cells.cast(pa.timestamp("ns")) if cells.type.tz else cells, pa.string())
        return pc.binary_join_element_wise(text, "Z", "") if cells.type.tz else text
    return cells.cast(wanted)


def _open_parquet(path: Path, account: Account) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError:
        raise CxwError("E-LND-014", "the raw object is missing", where=account.where) from None
    except (OSError, pa.ArrowException) as error:
        raise CxwError("E-PQT-001", f"cannot be read: {type(error).__name__}", where=account.where) from None


def read_workbook(
    path: Path, contract: Contract, settings: Settings, account: Account
) -> Iterator[tuple[list[pa.Array | None], np.ndarray]]:
    """Text columns of the first sheet in contract order and sheet row numbers. Its first row is the header."""
    from python_calamine import CalamineError, CalamineWorkbook  # only sites that deliver workbooks pay for it

    if not path.exists():
        raise CxwError("E-LND-014", "the raw object is missing", where=account.where)
    try:
        with zipfile.ZipFile(path) as archive:
            Budget(settings, path.stat().st_size, account.where).spend(
                sum(part.file_size for part in archive.infolist())
            )
        with path.open("rb") as file:
            workbook = CalamineWorkbook.from_filelike(file)
            sheet = workbook.get_sheet_by_index(0)
            rows = sheet.to_python(skip_empty_area=False)
    except (CalamineError, zipfile.BadZipFile, OSError, IndexError) as error:
        raise CxwError("E-XLS-001", f"cannot be read: {type(error).__name__}", where=account.where) from None
    header_row = contract.extract.preamble_lines
    if len(rows) <= header_row:
        raise CxwError("E-CSV-006", "no header row on the first sheet", where=account.where)
    if len(workbook.sheet_names) > 1:
        account.warn("only the first sheet is read")
    headers = [_cell_text(cell) or "" for cell in rows[header_row]]
    while headers and not headers[-1]:  # formatted but empty columns at the right edge
        headers.pop()
    bound = bind_headers(headers, contract, account, settings)
    numbered = [(number, row) for number, row in enumerate(rows, 1)
                if number > header_row + 1 and any(cell not in ("", None) for cell in row)]  # fmt: skip
    if contract.extract.has_trailer:
        _, last = numbered.pop() if numbered else (0, [])
        counts = [int(cell) for cell in last if isinstance(cell, float | int) and not isinstance(cell, bool)]
        if len(counts) != 1:
            raise CxwError("E-LND-010", "the last row does not hold exactly one number", where=account.where)
        account.announced_rows = counts[0]
    account.rows_in = len(numbered)
    for begin in range(0, len(numbered), _BATCH_ROWS):
        part = numbered[begin : begin + _BATCH_ROWS]
        columns = [
            _cells(part, bound.get(column.name), column.data_type, contract.extract) for column in contract.columns
        ]
        yield columns, np.array([number for number, _ in part], np.int64)


def _cells(
    rows: list[tuple[int, list[Any]]], position: int | None, data_type: str, extract: ExtractSettings
) -> pa.Array | None:
    if position is None:
        return None
    cells = [row[position] if position < len(row) else None for _, row in rows]
    return pa.array([_cell_text(cell, data_type, extract) for cell in cells], pa.string())


def _cell_text(cell: Any, data_type: str = "", extract: ExtractSettings | None = None) -> str | None:
    """A cell as the contract expects text: whole numbers without a decimal point, times in its format.

    A workbook knows no difference between a day and its midnight; the contract's type says which is meant.
    """
    extract = extract or ExtractSettings()
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        text = str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        return text.replace(".", ",") if extract.decimal_comma else text
    if isinstance(cell, dt.date):
        moment = cell if isinstance(cell, dt.datetime) else dt.datetime(cell.year, cell.month, cell.day)
        if extract.date_format:
            return moment.strftime(extract.date_format)
        is_day = data_type == "date" and moment.time() == dt.time()
        return moment.date().isoformat() if is_day else moment.isoformat(sep="T", timespec="auto")
    return cell.isoformat() if isinstance(cell, dt.time) else str(cell)
