"""A home, a contract and files to deliver: what the tests of the intake are written in."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.backlog import pending, quarantine_path
from orchestration.contracts import Column, Contract, ExtractSettings
from orchestration.landing import IngestResult, files_in_force, ingest
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Delivery
from orchestration.settings import Settings
from orchestration.warehouse import row_hash

TODAY = date(2024, 3, 1)
DAY = date(2024, 1, 15)
HEADER = "order_id,customer_id,ordered_at,amount,quantity,is_test,shipped_on,rate"


def column(name: str, data_type: str = "varchar", required: bool = False, **rest) -> Column:
    return Column(name, data_type, "", is_required=required, **rest)


COLUMNS = (
    column("order_id", required=True),
    column("customer_id"),
    column("ordered_at", "timestamp", required=True),
    column("amount", "decimal(18,4)"),
    column("quantity", "bigint"),
    column("is_test", "boolean"),
    column("shipped_on", "date"),
    column("rate", "decimal(18,10)"),
)


def orders(**extract) -> Contract:
    """A contract with a column of every type; keyword arguments are its extract settings."""
    return Contract("shop", "orders", "", "", COLUMNS, ("order_id",), ExtractSettings(**extract), "shop.yml")


def row(order_id: object = 1, /, **values: str) -> str:
    """One good CSV row; keyword arguments replace fields."""
    fields = {"order_id": str(order_id), "customer_id": "c1", "ordered_at": "2024-01-05T10:00:00Z", "amount": "10.50"}
    fields |= {"quantity": "2", "is_test": "no", "shipped_on": "2024-01-06", "rate": "1.1"} | values
    return ",".join(fields[name] for name in HEADER.split(","))


def csv(*rows: str, header: str = HEADER) -> bytes:
    return ("\n".join([header, *rows]) + "\n").encode()


def parquet(**columns) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@dataclass
class Home:
    """One installation with one contracted table."""

    settings: Settings
    ledger: Ledger
    contract: Contract

    @property
    def folder(self) -> Path:
        return self.settings.landing / self.contract.source / self.contract.table

    def put(self, content: bytes | str, name: str | None = None, day: date = DAY) -> Path:
        """Lay a file into landing; gzip it if its name says so."""
        name = name or f"orders_{day}.csv"
        content = content.encode() if isinstance(content, str) else content
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    def ingest(self, **options) -> IngestResult:
        return ingest(self.contract, self.settings, self.ledger, today=TODAY, **options)

    def deliver(self, content: bytes | str, name: str | None = None, day: date = DAY) -> Delivery:
        """Lay a file into landing and ingest it: what the ledger says of it."""
        self.put(content, name, day)
        return self.ingest().results[-1].delivery

    def pending(self):
        return pending([self.contract], self.settings, self.ledger, today=TODAY)

    def under(self, **extract) -> None:
        """Change the contract's extract settings."""
        self.contract = replace(self.contract, extract=replace(self.contract.extract, **extract))

    def rows(self) -> list[dict]:
        """Typed rows of the files in force, by file and line."""
        found = []
        for path in files_in_force(self.contract, self.settings, self.ledger):
            found += sorted(pq.ParquetFile(path).read().to_pylist(), key=lambda each: each["_line"])
        return found

    def values(self, name: str) -> list:
        return [each[name] for each in self.rows()]

    def row_hashes(self) -> list[str]:
        """Law 6's hash of each of `rows`, as the engine that finds the rows in force computes it."""
        files = [str(path) for path in files_in_force(self.contract, self.settings, self.ledger)]
        query = f"select {row_hash(self.contract)} from read_parquet($files, hive_partitioning = false) order by all"
        with duckdb.connect() as connection:
            return [row[0] for row in connection.execute(query, {"files": files}).fetchall()]

    def rejects(self, delivery: Delivery) -> list[dict]:
        """Quarantined rows of a delivery."""
        path = quarantine_path(self.settings, delivery)
        return sorted(pq.ParquetFile(path).read().to_pylist(), key=lambda each: each["line"]) if path.exists() else []


def open_home(folder: Path, contract: Contract | None = None, **settings) -> Home:
    chosen = Settings(
        home=folder, landing=folder / "landing", settle_seconds=settings.pop("settle_seconds", 0), **settings
    )
    return Home(chosen, Ledger(chosen.ledger_path), contract or orders())
