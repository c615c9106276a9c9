"""What identity remembers from one build to the next, in schema `identity_state` of the build database.

Lives here: its tables and the SQL that asks them: which rows are new or gone, which parts of the data those touch.
Does not live here: what is done with the answer (`identity_incremental.py`), the parts (`identity_components.py`).

    run        what the rest was made with (one row; none: nothing here may be believed)
    rows       fingerprint of a record or mention as the rule reads it, and its part
    values     hash of a normal form, and its part: two that collide only make a day look at more
    namespaces of the ids of each source and entity: a judged pair names its records without
    judged     the judged pairs
    <output>   the rows of each table of `OUTPUT`, and their parts; `identity_output` shows the same without these

Fingerprints are 64 bits without a secret. `compare` notices two equal ones wherever both are there; a row that turns
into one with its own old fingerprint would go unnoticed, one time in 10^19 changes.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.identity_customers import ENTITIES
from orchestration.identity_decisions import PAIR
from orchestration.identity_inputs import FINGERPRINT, INPUTS, OWN_ID, Inputs
from orchestration.identity_values import SCOPE
from orchestration.settings import Settings

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa

_ROW_GROUP = 122_880
_MOST_PARTS = 2**30  # numbers have four bytes, and a day needs less than half of them; everything begins at 0 again
OUTPUT = (
    "identifiers",
    "customer_identities",
    "customers",
    "customer_links",
    "shared_identifiers",
    "identity_findings",
)
_TABLES = """
    create schema if not exists identity_output;
    drop schema if exists identity_state cascade;
    create schema identity_state;
    create table identity_state.run (made_with varchar, next_part bigint);
    create table identity_state.rows (fingerprint ubigint, part integer);
    create table identity_state.values (value_hash ubigint, part integer);
    create table identity_state.namespaces (system varchar, entity varchar, id_namespace varchar);
"""
_IN_OUTPUT = "schema_name = 'identity_output' and table_name = ?"
_JUDGED_COLUMNS = ", ".join((*PAIR, "verdict", "rule", "since_date"))


@dataclass(frozen=True)
class Comparison:
    """How many rows there are, were, came and went; whether every fingerprint stands for one row."""

    row_count: int
    appeared: int
    vanished: int
    is_one_to_one: bool


class IdentityState:
    """The state behind one connection; what it changes is part of the connection's transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, settings: Settings, id_secret: bytes) -> None:
        self.connection, self.id_secret = connection, id_secret
        self.inputs = Inputs(connection)
        self.made_with = _made_with(settings, self.inputs.columns, id_secret)

    def is_usable(self) -> bool:
        """Whether it is there, made with the same settings, code, libraries and columns, and has numbers left."""
        known = self.connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'identity_state' and table_name = 'run'"
        ).fetchall()
        return bool(known) and self._run() == [(self.made_with,)]

    def compare(self) -> Comparison:
        """Hold the rows of now against those of the state: temporary tables `appeared` (fingerprint) and `vanished`
        (fingerprint, part). What stayed is in the state."""
        self.connection.execute(f"""
            create or replace temp table compared as
            select
                count(now) as now_joined, count(known) as known_joined,
                coalesce(list(now) filter (known is null), []) as appeared,
                coalesce(list({{'fingerprint': known, 'part': part}}) filter (now is null), []) as vanished
            from (
                select now_rows.{FINGERPRINT} as now, known.fingerprint as known, known.part
                from ({self.inputs.fingerprints()}) as now_rows
                full join identity_state.rows as known on known.fingerprint = now_rows.{FINGERPRINT}
            );
            create or replace temp table appeared as select unnest(appeared) as fingerprint from compared;
            create or replace temp table vanished as select unnest(vanished, recursive := true) from compared;
        """)
        counts = f"""
            select
                {self.inputs.row_count()}, (select count(*) from identity_state.rows), now_joined, known_joined,
                len(appeared), len(vanished), (select count(distinct fingerprint) from appeared)
            from compared
        """
        now_count, known, now_joined, known_joined, appeared, vanished, different = self._one(counts)
        # A fingerprint twice on one side of the join makes rows of the other side come out more than once.
        is_one_to_one = now_count == now_joined and known == known_joined and appeared == different
        return Comparison(now_count, appeared, vanished, is_one_to_one)

    def judge(self, pairs: pa.Table) -> None:
        """Temporary table `judged`: the judged pairs of now."""
        self.connection.register("incoming", pairs)
        self.connection.execute(f"create or replace temp table judged as select {_JUDGED_COLUMNS} from incoming")

    def judged_among(self, records: Sequence[pa.Array]) -> pa.Table:
        """Judged pairs of records with these ids, and perhaps others."""
        import pyarrow as pa

        ids = pa.chunked_array(records, pa.string())
        self.connection.register("incoming", pa.table({"source_id": ids}))
        query = "select * from temp.judged where left_source_id in (select source_id from incoming)"
        return self.connection.execute(query).to_arrow_table()

    def touch(self, values: Mapping[str, pa.Array], appeared: Mapping[str, pa.Table]) -> int:
        """Temporary tables `touched` (part) and `wanted` (fingerprint): what the changes can have anything to do with.

        Args:
            values: normal forms on the rows that appeared, by kind.
            appeared: those rows, by entity. Whoever is judged together with one of them is touched too.

        Returns how many rows of now are touched, those that appeared included.
        """
        self.connection.execute("create or replace temp table asked (value_hash ubigint)")
        for kind, texts in values.items():
            self._insert("temp.asked", _hashes(kind), {"value": texts})
        self._ask_for_judged(appeared)
        self.connection.execute("""
            create or replace temp table touched as
            select part from vanished where part >= 0
            union
            select part from identity_state.values where value_hash in (select value_hash from asked);
            create or replace temp table wanted as
            select fingerprint from appeared
            union all
            select fingerprint from identity_state.rows
            where part in (select part from touched) and fingerprint not in (select fingerprint from vanished);
        """)
        return self._one("select count(*) from wanted")[0]

    def _ask_for_judged(self, appeared: Mapping[str, pa.Table]) -> None:
        """Ids of the records of pairs that changed in any way, or whose record came, into temporary table `asked`."""
        self.connection.execute(
            "create or replace temp table came (system varchar, entity varchar, id varchar, id_namespace varchar)"
        )
        for entity, own_id in OWN_ID.items():
            self.connection.register("incoming", appeared[entity])
            self.connection.execute(
                f"insert into came select source_system, '{entity}', {own_id}, id_namespace from incoming"
            )
        pairs, known = "select * from temp.judged", "select * from identity_state.judged"
        self.connection.execute(f"""
            create or replace temp table judged_again as
            ({pairs} except all {known}) union all ({known} except all {pairs})
            union all
            {pairs}
            where (left_source_system, left_source_table, left_source_id) in (select system, entity, id from came)
                or (right_source_system, right_source_table, right_source_id) in (select system, entity, id from came);
            create or replace temp table members as
            select left_source_system as system, left_source_table as entity, left_source_id as id from judged_again
            union
            select right_source_system, right_source_table, right_source_id from judged_again;
            create or replace temp table spaces as
            from identity_state.namespaces union select system, entity, id_namespace from came;
        """)
        for entity, kind in ENTITIES.items():
            value = f"id_namespace || '{SCOPE}' || id"
            self.connection.execute(
                f"insert into asked select {_hashes(kind, value)} from members join spaces using (system, entity)"
                f" where entity = '{entity}'"
            )

    def begin(self) -> None:
        """An empty state, which belongs to nothing until `close`."""
        self.connection.execute(_TABLES)
        for entity in OWN_ID:
            self.connection.execute(f"""
                insert into identity_state.namespaces
                select distinct source_system, '{entity}', id_namespace from conformed.{INPUTS[entity]}
            """)
        self._next_part = 0

    def forget_touched(self) -> None:
        """Take the touched parts out of state and output."""
        (self._next_part,) = self._one("select next_part from identity_state.run")
        self.connection.execute("""
            insert into identity_state.namespaces from spaces except from identity_state.namespaces;
            delete from identity_state.rows
            where fingerprint in (select fingerprint from vanished where part < 0);
        """)
        for table in ("rows", "values", *OUTPUT):
            self.connection.execute(f"delete from identity_state.{table} where part in (select part from touched)")

    def show(self, table: str, rows: pa.Table, part: np.ndarray, *, anew: bool) -> None:
        """Rows of one table of `OUTPUT` with their parts, as numbered by `identity_components.parts`.

        Args:
            anew: the table does not exist since `begin`.
        """
        self._register(rows.append_column("part", self._numbers(part)))
        if not anew:
            self.connection.execute(f"insert into identity_state.{table} by name select * from incoming")
            return
        self.connection.execute(f"create table identity_state.{table} as select * from incoming")
        if self._one(f"select count(*) from duckdb_tables() where {_IN_OUTPUT}", [table])[0]:
            self.connection.execute(f"drop table identity_output.{table}")  # of releases before 2026-11-23
        self.connection.execute(
            f"create or replace view identity_output.{table} as select * exclude (part) from identity_state.{table}"
        )

    def add_rows(self, fingerprints: pa.ChunkedArray, part: np.ndarray) -> None:
        """Rows that were looked at."""
        self._insert("identity_state.rows", "value, part", {"value": fingerprints, "part": self._numbers(part)})

    def add_values(self, kind: str, values: pa.Array, part: np.ndarray) -> None:
        """Normal forms of one kind."""
        columns = {"value": values, "part": self._numbers(part)}
        self._insert("identity_state.values", f"{_hashes(kind)}, part", columns)

    def _numbers(self, part: np.ndarray) -> pa.Array:
        """Numbers that no part had before."""
        import numpy as np
        import pyarrow as pa

        return pa.array((part + self._next_part * (part >= 0)).astype(np.int32))

    def close(self, part_count: int) -> None:
        """From here on the state may be believed, once the transaction is committed."""
        self.connection.execute("delete from identity_state.run")
        self.connection.execute("create or replace table identity_state.judged as from temp.judged")
        self.connection.execute(
            "insert into identity_state.run values (?, ?)", [self.made_with, self._next_part + part_count]
        )

    def _insert(self, target: str, expressions: str, columns: Mapping[str, pa.Array]) -> None:
        import pyarrow as pa

        self._register(pa.table(columns))
        self.connection.execute(f"insert into {target} select {expressions} from incoming")
        self.connection.unregister("incoming")

    def _register(self, rows: pa.Table) -> None:
        """As table `incoming`, in pieces: of a table in one piece, one thread does everything (1.2 s instead of 0.7 for
        1.6 million links)."""
        import pyarrow as pa

        batches = rows.to_batches(max_chunksize=_ROW_GROUP)
        self.connection.register("incoming", pa.Table.from_batches(batches, rows.schema))

    def _run(self) -> list[tuple[str]]:
        enough = f"select made_with from identity_state.run where next_part <= {_MOST_PARTS}"
        return self.connection.execute(enough).fetchall()

    def _one(self, query: str, parameters: Sequence[str] = ()) -> tuple:
        return self.connection.execute(query, parameters).fetchone()


def _hashes(kind: str, value: str = "value") -> str:
    return f"hash('{kind}', {value})"


def _made_with(settings: Settings, columns: Mapping[str, object], id_secret: bytes) -> str:
    """Everything besides the rows that decides who is who; equal texts, equal results."""
    digest = hashlib.sha256(id_secret)
    for path in sorted(Path(__file__).parent.glob("identity*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    libraries = {name: version(name) for name in ("duckdb", "numpy", "phonenumbers", "pyarrow")}
    site = [settings.max_records_per_identifier, settings.phone_region]
    parts = [digest.hexdigest(), libraries, unicodedata.unidata_version, site, columns]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
