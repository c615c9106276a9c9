"""What identity reads: records and mentions of schema `conformed`, each row with its fingerprint.

Lives here: which columns count, and the SQL that reads them. Does not live here: what was read before
(`identity_state.py`), the rule (`identity.py`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from orchestration.identity import MENTION_COLUMNS, RECORD_COLUMNS
from orchestration.identity_customers import ENTITIES
from orchestration.warehouse import quote

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

INPUTS = {
    "contacts": "int_contacts__unioned",
    "leads": "int_leads__unioned",
    "customers": "int_customers__unioned",
    "mentions": "int_identity__mentions",
}
OWN_ID = {entity: quote(name) for entity, name in ENTITIES.items()}
FINGERPRINT = "_fingerprint"
_LARGEST_FIRST = ("mentions", "contacts", "customers", "leads")


class Inputs:
    """The inputs behind one connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.columns = {entity: self._columns(entity) for entity in INPUTS}

    def read_all(self) -> dict[str, pa.Table]:
        """All rows with their fingerprints, by input. Each is read by one thread, so two are read at a time."""

        def read(entity: str) -> pa.Table:
            return self.connection.cursor().execute(self._select_columns(entity)).to_arrow_table()

        with ThreadPoolExecutor(2) as executor:
            found = dict(zip(_LARGEST_FIRST, executor.map(read, _LARGEST_FIRST), strict=True))
        return {entity: found[entity] for entity in INPUTS}

    def read(self, entity: str, wanted: str) -> pa.Table:
        """Rows of one input that temporary table `wanted` (fingerprint) names, with their fingerprints."""
        named = f"{self._hash(entity)} in (select fingerprint from {wanted})"
        return self.connection.execute(f"{self._select_columns(entity)} where {named}").to_arrow_table()

    def fingerprints(self) -> str:
        """SQL: the fingerprints of all rows."""
        return " union all ".join(f"select {self._told(entity)}" for entity in INPUTS)

    def row_count(self) -> str:
        """SQL: how many rows there are."""
        return " + ".join(f"(select count(*) from conformed.{table})" for table in INPUTS.values())

    def _columns(self, entity: str) -> tuple[tuple[str, str], ...]:
        """Columns of an input that the rule reads, with their types, in an order of their own."""
        described = self.connection.execute(f"describe conformed.{INPUTS[entity]}").fetchall()
        read = MENTION_COLUMNS if entity == "mentions" else RECORD_COLUMNS
        return tuple(sorted((row[0], row[1]) for row in described if row[0] in read))

    def _names(self, entity: str) -> str:
        return ", ".join(quote(name) for name, _ in self.columns[entity])

    def _hash(self, entity: str) -> str:
        return f"hash('{entity}', {self._names(entity)})"

    def _told(self, entity: str) -> str:
        return f"{self._hash(entity)} as {FINGERPRINT} from conformed.{INPUTS[entity]}"

    def _select_columns(self, entity: str) -> str:
        return f"select {self._names(entity)}, {self._told(entity)}"
