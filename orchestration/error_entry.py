"""The shape of one entry of the error catalogue.

Lives here: that and nothing else, so that the entries can be split by subject. The entries are in
`errors_of_files.py` and `errors_of_runs.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CatalogueEntry:
    """`exit_code` is what `cxw` ends with when this error ends it; `example` holds no value out of a file."""

    cause: str
    remedy: str
    example: str
    exit_code: int
