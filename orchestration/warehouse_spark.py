"""The second engine: the same five methods as `DuckDBWarehouse` on a local Spark session.

Lives here: everything that names Spark in Python. Does not live here: the SQL (dbt models, dispatched macros).
dbt-spark's `session` method finds the session that is active in this process, so opening one here is enough.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.contracts import Contract
from orchestration.warehouse import LINEAGE_COLUMNS, OF_PRECEDENCE, in_force_query

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

SESSION = {
    "spark.master": "local[2]",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # overflow and impossible casts are errors, as in DuckDB
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.sources.partitionOverwriteMode": "dynamic",
    # A product of two decimals keeps every digit or fails, as in DuckDB; the default drops digits without a word.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "false",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}


def open_session(folder: Path, options: Mapping[str, str] | None = None) -> SparkSession:
    """A session whose tables and metastore lie below `folder`; `options` win over `SESSION`."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("cx-warehouse").enableHiveSupport()
    places = {
        "spark.sql.warehouse.dir": str(folder / "tables"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={folder}/metastore;create=true",
    }
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    for name, value in {**SESSION, **places, **(options or {})}.items():
        builder = builder.config(name, value)
    _let_the_session_decide()
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _let_the_session_decide() -> None:
    """dbt-spark switches ANSI off before every statement, and a number that does not fit becomes null. Not here."""
    from dbt.adapters.spark.connections import SparkCredentials

    def keep_the_session(credentials: SparkCredentials) -> None:
        settle(credentials)
        credentials.server_side_parameters = {}

    settle = SparkCredentials.__post_init__
    if settle.__name__ != keep_the_session.__name__:
        SparkCredentials.__post_init__ = keep_the_session


class SparkWarehouse:
    """The build database as Spark tables; `raw_<source>`, `identity_output` and the dbt schemas are databases."""

    is_transactional = False

    def __init__(self, session: SparkSession) -> None:
        self.session = session

    def execute(self, sql: str) -> None:
        self.session.sql(sql)

    def table(self, schema: str, table: str) -> pa.Table:
        return _with_timestamps(self.session.table(f"{_quote(schema)}.{_quote(table)}").toArrow(), None)

    def write(self, schema: str, table: str, rows: pa.Table) -> None:
        self._replace(schema, table, self.session.createDataFrame(_with_timestamps(rows, "UTC")))

    def register(self, contract: Contract, files: Sequence[Path], *, are_added: bool = False) -> int:
        if are_added:
            raise ValueError("a Spark table cannot replace itself: all files are needed")
        if files:
            self.session.read.parquet(*map(str, files)).createOrReplaceTempView("typed_files")
            rows = self.session.sql(in_force_query(contract, "select * from typed_files", _quote, "sha2({}, 256)"))
        else:
            columns = {column.name: column.data_type for column in contract.columns} | LINEAGE_COLUMNS | OF_PRECEDENCE
            spelled = [f"{_quote(name)} {_spark_type(data_type)}" for name, data_type in columns.items()]
            rows = self.session.createDataFrame([], ", ".join(spelled))
        self._replace(contract.schema, contract.table, rows)
        return self.session.table(f"{_quote(contract.schema)}.{_quote(contract.table)}").where("_is_conflict").count()

    def _replace(self, schema: str, table: str, rows: object) -> None:
        self.session.sql(f"create database if not exists {_quote(schema)}")
        rows.write.mode("overwrite").format("parquet").saveAsTable(f"{_quote(schema)}.{_quote(table)}")


def _with_timestamps(rows: pa.Table, zone: str | None) -> pa.Table:
    """The same instants, microseconds in UTC: naive as the house has them (None), or marked as Spark wants them."""
    import pyarrow as pa

    kind = pa.timestamp("us", zone)
    fields = [field.with_type(kind) if pa.types.is_timestamp(field.type) else field for field in rows.schema]
    return rows.cast(pa.schema(fields))


def _quote(identifier: str) -> str:
    return "`" + identifier.replace("`", "``") + "`"


def _spark_type(data_type: str) -> str:
    return {"varchar": "string"}.get(data_type, data_type)
