"""Looking at what was set aside, and saying that a gap will stay one.

Lives here: the rows behind `cxw quarantine` and `cxw gaps`. Does not live here: setting aside (`typed_files.py`),
states of deliveries (`ledger.py`), drawing (`screens.py`). The text of a rejected row is shown only when asked for.
"""

from __future__ import annotations

import getpass
from datetime import date

from orchestration import accounting
from orchestration.backlog import quarantine_path
from orchestration.errors import CxwError
from orchestration.filenames import printable
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Delivery
from orchestration.settings import Settings
from orchestration.site import open_site

Rows = list[list[str]]


def list_deliveries(settings: Settings) -> tuple[tuple[str, ...], Rows]:
    """Deliveries that are refused, held, or accepted without some of their rows."""
    columns = ("number", "table", "file", "extract date", "state", "rows in", "rejected", "reason")
    with Ledger(settings.ledger_path) as ledger:
        found = [d for d in ledger.deliveries() if d.state in ("refused", "held") or d.rows_rejected]
    return columns, [
        [
            str(d.sequence),
            d.name,
            printable(d.file_name),
            str(d.extract_date or ""),
            d.state,
            f"{d.rows_in:,}",
            f"{d.rows_rejected:,}",
            d.reason,
        ]
        for d in found
    ]


def set_aside(settings: Settings, wanted: str = "") -> list[Delivery]:
    """Deliveries whose bytes are kept but not, or not all, in force: refused ones, and those with rejected rows.

    Raises:
        CxwError: E-RUN-004 when `wanted` names no delivery, or more than one.
    """
    with Ledger(settings.ledger_path) as ledger:
        deliveries = ledger.deliveries()
    chosen = [_find(deliveries, wanted)] if wanted else deliveries
    return [d for d in chosen if d.sha256 and (d.state == "refused" or d.rows_rejected)]


def show_delivery(
    settings: Settings, wanted: str, limit: int, *, with_values: bool = False
) -> tuple[str, tuple[str, ...], Rows]:
    """One delivery in a line, and its rejected rows.

    Args:
        wanted: the delivery's number, or the first characters of its sha256.

    Raises:
        CxwError: E-RUN-004 when no delivery, or more than one, is meant.
    """
    import pyarrow.parquet as pq

    with Ledger(settings.ledger_path) as ledger:
        delivery = _find(ledger.deliveries(), wanted)
    head = f"{delivery.name} {printable(delivery.file_name)} {delivery.state}: {delivery.rows_in} rows in,"
    head += f" {delivery.rows_rejected} rejected. {delivery.reason}".rstrip()
    columns = ("line", "column", "code", "rule", *(("raw",) if with_values else ()))
    path = quarantine_path(settings, delivery)
    if not path.exists():
        return head, columns, []
    table = pq.read_table(path, columns=list(columns)).sort_by([("line", "ascending"), ("column", "ascending")])
    rows = (table.slice(0, limit) if limit else table).to_pylist()
    return head, columns, [[str(row[name] if row[name] is not None else "") for name in columns] for row in rows]


def _find(deliveries: list[Delivery], wanted: str) -> Delivery:
    found = [d for d in deliveries if str(d.sequence) == wanted]
    found = found or [d for d in deliveries if d.sha256.startswith(wanted.lower()) and d.state != "duplicate"]
    if len(found) != 1:
        what = "more than one delivery begins" if found else "no delivery begins"
        raise CxwError("E-RUN-004", f"{what} with that", where=wanted[:64], next_command="cxw quarantine list")
    return found[0]


def list_gaps(settings: Settings) -> Rows:
    """Missing dates of every table, then the accepted ones."""
    site = open_site(settings)
    with Ledger(settings.ledger_path) as ledger:
        states = accounting.table_states(list(site.contracts.values()), settings, ledger)
        accepted = ledger.gaps()
    rows = [[state.contract.name, str(day), "missing", "", ""] for state in states for day in state.missing_dates]
    return rows + [
        [f"{gap.source}.{gap.table}", str(gap.extract_date), "accepted", gap.why, gap.accepted_by] for gap in accepted
    ]


def accept_gap(settings: Settings, name: str, day: date, why: str) -> None:
    """Keep in the ledger that nothing will ever come for this date; `all` means every table of the site.

    Raises:
        CxwError: E-RUN-002 for a table that the site does not have.
    """
    site = open_site(settings)
    if name != "all" and name not in site.contracts:
        raise CxwError("E-RUN-002", f"no table {name[:80]}; there are {', '.join(site.contracts)}", where="gaps accept")
    with Ledger(settings.ledger_path) as ledger:
        for contract in site.contracts.values():
            if name in ("all", contract.name):
                ledger.accept_gap(contract.source, contract.table, day, why=why, accepted_by=_person())


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
