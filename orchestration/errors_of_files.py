"""Errors of delivered files and their rows: cause, remedy, example, exit code.

Lives here: the entries, by code. Does not live here: the exception (`errors.py`), errors of everything that is no file
(`errors_of_runs.py`). An example shows the shape of a message; no message holds a value out of a file.
"""

from __future__ import annotations

from orchestration.error_entry import CatalogueEntry

FILES: dict[str, CatalogueEntry] = {
    "E-CSV-001": CatalogueEntry(
        "a text file without a line end at its end: it may be cut",
        "deliver the whole file, or name a trailer or manifest in the contract",
        "E-CSV-001 orders 2026-04-01 (sha 9f3c0a1b): no line end at the end of the file, it may be cut",
        4,
    ),
    "E-CSV-002": CatalogueEntry(
        "a quote that opens and never closes",
        "correct the row at the line named",
        "E-CSV-002 orders 2026-04-01 (sha 9f3c0a1b): a quote opened on line 42 never closes",
        4,
    ),
    "E-CSV-003": CatalogueEntry(
        "a row longer than max_line_bytes",
        "correct the row, or raise the setting",
        "E-CSV-003 orders 2026-04-01 (sha 9f3c0a1b): line 42 at byte 9120 is longer than max_line_bytes 1000000",
        4,
    ),
    "E-CSV-004": CatalogueEntry(
        "a text file in another encoding than the contract's",
        "declare `encoding` in [source.<source>.<table>], or export as UTF-8",
        "E-CSV-004 orders 2026-04-01 (sha 9f3c0a1b): the header is not utf-8",
        4,
    ),
    "E-CSV-005": CatalogueEntry(
        "lines that end with a lone carriage return",
        "export with LF or CR LF line ends",
        "E-CSV-005 orders 2026-04-01 (sha 9f3c0a1b): lines end with a lone carriage return",
        4,
    ),
    "E-CSV-006": CatalogueEntry(
        "a text file without a header line",
        "export with a header, or correct preamble_lines",
        "E-CSV-006 orders 2026-04-01 (sha 9f3c0a1b): no header line",
        4,
    ),
    "E-CSV-010": CatalogueEntry(
        "a row with more or fewer fields than the header",
        "quote fields that hold the delimiter",
        "line 42: E-CSV-010 [rule orders.row.17_fields_for_18]",
        4,
    ),
    "E-CSV-011": CatalogueEntry(
        "bytes that the encoding does not know",
        "export as UTF-8, or declare the encoding named",
        'line 42 column "email": E-CSV-011 [rule orders.email.byte_0xE9]',
        4,
    ),
    "E-CSV-012": CatalogueEntry(
        "a quote inside an unquoted field or behind a closing quote",
        "double the quote and quote the field",
        'line 42 column "utm_campaign": E-CSV-012 [rule orders.utm_campaign.quote]',
        4,
    ),
    "E-CSV-013": CatalogueEntry(
        "a NUL byte or a carriage return inside a row",
        "remove control bytes in the export",
        'line 42 column "email": E-CSV-013 [rule orders.email.nul_byte]',
        4,
    ),
    "E-JSN-001": CatalogueEntry(
        "a line that is not one JSON object",
        "write one object per line",
        "line 42: E-JSN-001 [rule orders.row.json]",
        4,
    ),
    "E-JSN-002": CatalogueEntry(
        "a JSON line nested deeper than max_json_depth",
        "flatten the export",
        "line 42: E-JSN-002 [rule orders.row.depth]",
        4,
    ),
    "E-JSN-003": CatalogueEntry(
        "a JSON object that names a key twice",
        "write each key once",
        "line 42: E-JSN-003 [rule orders.row.key_twice]",
        4,
    ),
    "E-LND-001": CatalogueEntry(
        "a file name that does not follow the pattern or has characters that names may not have",
        "deliver the file again under `<anything>_<YYYY-MM-DD>.<format>`",
        "E-LND-001 ecommerce.orders orders.csv: the name does not follow <anything>_<YYYY-MM-DD>[.rN].<format>",
        4,
    ),
    "E-LND-002": CatalogueEntry(
        "a landing entry that is no regular file of its own: link, folder, pipe, device",
        "deliver a plain copy",
        "E-LND-002 ecommerce.orders link_2026-04-01.csv: not a regular file of its own (link, folder, pipe or device)",
        4,
    ),
    "E-LND-003": CatalogueEntry(
        "two names in one folder that differ only by case or Unicode form",
        "keep one of the names given, remove the other",
        "E-LND-003 ecommerce.orders Orders_2026-04-01.csv: names differ only by case or Unicode form",
        4,
    ),
    "E-LND-004": CatalogueEntry(
        "a file of 0 bytes: a failed export looks the same as a quiet day",
        "send a header-only file for a day without rows",
        "E-LND-004 ecommerce.orders orders_2026-04-01.csv: 0 bytes; send a header-only file for a day without rows",
        4,
    ),
    "E-LND-005": CatalogueEntry(
        "a file above a budget: bytes, expansion, rows, columns or seconds",
        "raise the setting named, or deliver in parts",
        "E-LND-005 orders 2026-04-01 (sha 9f3c0a1b): expands more than max_compression_ratio 100 to 1",
        4,
    ),
    "E-LND-006": CatalogueEntry(
        "an extract date before earliest_date or in the future",
        "deliver under the right date",
        "E-LND-006 ecommerce.orders orders_2062-04-01.csv: the extract date is in the future",
        4,
    ),
    "E-LND-007": CatalogueEntry(
        "a file that may not be read",
        "give the service user the right to read it, then run again",
        "E-LND-007 ecommerce.orders orders_2026-04-01.csv: may not be read by this user",
        4,
    ),
    "E-LND-008": CatalogueEntry(
        "a name that came again with other bytes where the contract refuses that",
        'deliver as `.r2`, or set on_same_name = "revise"',
        "E-LND-008 ecommerce.orders orders_2026-04-01.csv: the name came before with other bytes, the"
        " contract refuses that",
        4,
    ),
    "E-LND-009": CatalogueEntry(
        "a gzip file that is cut, damaged or has something behind its end",
        "deliver the file again",
        "E-LND-009 orders 2026-04-01 (sha 9f3c0a1b): gzip ends early at byte 48213",
        4,
    ),
    "E-LND-010": CatalogueEntry(
        "a file whose row count is not the one announced by its trailer or manifest",
        "deliver the file again",
        "E-LND-010 orders 2026-04-01 (sha 9f3c0a1b): 1200 rows announced, 1187 delivered",
        4,
    ),
    "E-LND-011": CatalogueEntry(
        "rows that do not add up: in is not accepted + rejected + duplicates",
        "report it with the file's format and size; nothing was loaded",
        "E-LND-011 orders 2026-04-01 (sha 9f3c0a1b): 1200 rows counted, but 1190 accepted + 5 rejected + 4 duplicates",
        4,
    ),
    "E-LND-012": CatalogueEntry(
        "more rejected rows than the contract allows",
        "`cxw quarantine show <sha>` names line, column and rule; correct the file or the contract",
        "E-LND-012 orders 2026-04-01 (sha 9f3c0a1b): 61 of 1200 rows are bad, 12 are allowed: 61 x E-TYP-001"
        ' column "total_amount" [rule orders.total_amount.is_decimal_18_4], first on line 14',
        4,
    ),
    "E-LND-013": CatalogueEntry(
        "a snapshot in which more keys vanished than the contract allows",
        "look at it; release it, or deliver the whole snapshot",
        "E-LND-013 agents 2026-04-01 (sha 9f3c0a1b): 60 of 400 keys of 2026-03-31 are gone, the contract allows 5%",
        4,
    ),
    "E-LND-014": CatalogueEntry(
        "a raw object that is missing or no longer has its checksum",
        "restore it from a backup of the home, or deliver the file again",
        "E-LND-014 ecommerce.orders: raw objects missing or altered: 2026-04-01 9f3c0a1b77de",
        4,
    ),
    "E-LND-015": CatalogueEntry(
        "an extra column where the contract refuses them",
        'extend the contract, or set on_extra_column = "warn"',
        "E-LND-015 orders 2026-04-01 (sha 9f3c0a1b): columns outside the contract: colour",
        4,
    ),
    "E-LND-016": CatalogueEntry(
        "columns that the contract requires are missing, or headers are blank or come twice",
        "correct the export, or add an alias to the contract",
        "E-LND-016 orders 2026-04-01 (sha 9f3c0a1b): required columns are missing: order_id, ordered_at",
        4,
    ),
    "E-LND-017": CatalogueEntry(
        "a delivery that is not in the state that the command needs",
        "`cxw status` shows the states",
        "E-LND-017 delivery 17: this delivery is not held",
        4,
    ),
    "E-LND-018": CatalogueEntry(
        "reading failed in a way that nobody foresaw; the message names the place, never the data",
        "report it; the raw object is safe, and a new version reads it again",
        "E-LND-018 orders 2026-04-01 (sha 9f3c0a1b): reading failed: RuntimeError at columnar.py:88",
        3,
    ),
    "E-PQT-001": CatalogueEntry(
        "a Parquet file that cannot be read",
        "deliver the file again",
        "E-PQT-001 orders 2026-04-01 (sha 9f3c0a1b): cannot be read: ArrowInvalid",
        4,
    ),
    "E-TYP-001": CatalogueEntry(
        "a value that is not of the contract's type",
        "correct the value at the line and column named",
        'line 42 column "total_amount": E-TYP-001 [rule orders.total_amount.is_decimal_18_4]',
        4,
    ),
    "E-TYP-002": CatalogueEntry(
        "a required value or key that is null or blank",
        "fill it in the export",
        'line 42 column "order_id": E-TYP-002 [rule orders.order_id.required]',
        4,
    ),
    "E-TYP-003": CatalogueEntry(
        "a time outside earliest_date … one day ahead of the extract date",
        "correct the value; 1970, 9999 and infinity are no dates of business",
        'line 42 column "ordered_at": E-TYP-003 [rule orders.ordered_at.time_window]',
        4,
    ),
    "E-TYP-004": CatalogueEntry(
        "a row set aside by a rule of the suite",
        "`expectations/` says why the rule stands",
        "line 42: E-TYP-004 [rule orders.row.order_total_is_not_negative]",
        4,
    ),
    "E-XLS-001": CatalogueEntry(
        "a workbook that cannot be read",
        "save it again as .xlsx, data on the first sheet",
        "E-XLS-001 agents 2026-04-01 (sha 9f3c0a1b): cannot be read: BadZipFile",
        4,
    ),
}
