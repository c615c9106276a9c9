"""What is open: missing dates, refused and held deliveries; and the `meta` tables that publish the account.

Lives here: questions over ledger and cadence that `cxw status`, the checks and the publish ask alike.
Does not live here: states of deliveries (`ledger.py`), which dates are expected (`cadence.py`), drawing (`screens.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from orchestration.cadence import Observation, observe
from orchestration.contracts import Contract
from orchestration.errors import CxwError
from orchestration.filenames import printable
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Delivery
from orchestration.settings import Settings
from orchestration.site import Site
from orchestration.warehouse import DuckDBWarehouse

if TYPE_CHECKING:
    import pyarrow as pa

NAMED_DATES = 5


@dataclass(frozen=True)
class TableState:
    """How complete one delivered table is. `observed_through` is None before its first complete date."""

    contract: Contract
    first_date: date | None
    observed_through: date | None
    missing_dates: tuple[date, ...]
    open_refusals: tuple[Delivery, ...]

    @property
    def is_complete(self) -> bool:
        return not self.missing_dates and not self.open_refusals


def problems(states: Iterable[TableState]) -> list[str]:
    """One line per refused or held file, and per set of missing dates, however many tables miss it."""
    states = list(states)
    lines = [
        f"{printable(delivery.file_name)} {delivery.state}: {delivery.reason}"
        for state in states
        for delivery in state.open_refusals
    ]
    tables_by_dates: dict[tuple[date, ...], list[str]] = {}
    for state in states:
        if state.missing_dates:
            tables_by_dates.setdefault(state.missing_dates, []).append(state.contract.name)
    for days, tables in tables_by_dates.items():
        others = f" and {len(tables) - 1} more tables" if len(tables) > 1 else ""
        lines.append(
            f"{tables[0]}{others}: {spelled_dates(days, 'missing')}. Next: deliver, or"
            f" `cxw gaps accept {'all' if others else tables[0]} {days[0].isoformat()} --why …`"
        )
    return lines


def table_state(contract: Contract, settings: Settings, ledger: Ledger) -> TableState:
    """The account of one table as the ledger has it."""
    return table_states([contract], settings, ledger)[0]


def table_states(contracts: Sequence[Contract], settings: Settings, ledger: Ledger) -> list[TableState]:
    """The account of several tables, in the order given; a table that never arrived has no dates."""
    states = []
    for contract in contracts:
        observed = observe(contract, ledger)
        states.append(
            TableState(
                contract=contract,
                first_date=observed.first_extract_date if observed else None,
                observed_through=observed.observed_through if observed else None,
                missing_dates=observed.missing_dates if observed else (),
                open_refusals=tuple(_open_refusals(contract, settings, ledger, observed)),
            )
        )
    return states


def _open_refusals(
    contract: Contract, settings: Settings, ledger: Ledger, observed: Observation | None
) -> list[Delivery]:
    """Refused and held deliveries that nothing has settled: no later good one, no accepted gap."""
    folder = settings.landing / contract.source / contract.table
    found = []
    for delivery in ledger.deliveries(contract.source, contract.table, ["refused", "held"]):
        if delivery.extract_date is None:  # no date could settle it: it is open while the file lies there
            is_open = (folder / delivery.file_name).exists()
        else:
            is_open = observed is None or delivery.extract_date in observed.refused_dates
        found += [delivery] if is_open else []
    return found


def spelled_dates(days: Sequence[date], what: str) -> str:
    """`3 dates missing: 2026-01-02, …`; at most five are named."""
    if not days:
        return f"no date {what}"
    named = ", ".join(day.isoformat() for day in days[:NAMED_DATES])
    more = ", …" if len(days) > NAMED_DATES else ""
    return f"{len(days)} date{'s' if len(days) > 1 else ''} {what}: {named}{more}"


def raise_if_required_is_missing(site: Site, ledger: Ledger) -> None:
    """Hold the publish for tables whose contract says `required: true`.

    Raises:
        CxwError: E-CHK-002 naming the table and its first problem.
    """
    required = [contract for contract in site.contracts.values() if contract.extract.required]
    for state in table_states(required, site.settings, ledger) if required else ():
        if not state.is_complete:
            raise CxwError(
                "E-CHK-002",
                f"{problems([state])[0]}. The contract requires it; the previous snapshot stays.",
                where=state.contract.path,
                next_command="cxw status",
            )


def reconcile(ledger: Ledger, typed_rows: Mapping[str, int]) -> None:
    """Hold the publish unless every row counted at the door is where its count says.

    Of each accepted delivery rows in = accepted + rejected + duplicates, the first counted over the bytes; of each
    table the accepted rows are those of the files that the build was made from.

    Args:
        typed_rows: rows in the typed files behind each registered table, by their own footers.

    Raises:
        CxwError: E-CHK-003 naming the table and both counts.
    """
    accepted: dict[str, int] = dict.fromkeys(typed_rows, 0)
    for delivery in ledger.deliveries(states=["accepted"]):
        parts = delivery.rows_accepted + delivery.rows_rejected + delivery.rows_duplicate
        if delivery.rows_in != parts:
            message = f"{delivery.rows_in} rows in, but accepted, rejected and duplicates are {parts}"
            raise CxwError("E-CHK-003", message, where=f"{delivery.name} {delivery.extract_date}")
        if delivery.name in accepted:
            accepted[delivery.name] += delivery.rows_accepted
    for name, count in typed_rows.items():
        if accepted[name] != count:
            raise CxwError(
                "E-CHK-003",
                f"{accepted[name]} rows accepted, but the build was made from {count}",
                where=name,
                next_command="cxw rebuild",
            )


def meta_tables(warehouse: DuckDBWarehouse, ledger: Ledger) -> dict[str, pa.Table]:
    """The `meta` tables of the snapshot about to be published that the build or the ledger holds."""
    import pyarrow as pa

    columns = ("source", "table", "file_name", "sha256", "extract_date", "revision", "state")
    counts = ("rows_in", "rows_accepted", "rows_rejected", "rows_duplicate")
    rows = [
        {name: getattr(delivery, name) for name in (*columns, *counts, "reason_code")}
        for delivery in ledger.deliveries()
    ]
    kinds = {"extract_date": pa.date32(), "revision": pa.int64(), **dict.fromkeys(counts, pa.int64())}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in (*columns, *counts, "reason_code")])
    observed = warehouse.table("meta_input", "observed_through")
    names = ["table" if name == "table_name" else name for name in observed.column_names]
    return {
        "observed_through": observed.rename_columns(names),
        "delivery_accounting": pa.Table.from_pylist(rows, schema=schema),
        **{name: warehouse.table("clv_output", name) for name in ("clv_backtest", "clv_parameters")},
    }
