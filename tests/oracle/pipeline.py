"""Companies through the real pipeline, in this process: landing files in, a published file out.

Lives here: one warm dbt for many companies, each with a home of its own. Does not live here: the numbers that should
come out (`reference.py`), what differs (`compare.py`), a whole `cxw run` with its scheduler (`trial.py`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration import build, project, snapshots
from orchestration.contracts import Contract, load_contracts
from orchestration.landing import ingest
from orchestration.ledger import Ledger
from orchestration.project import NodeResult
from orchestration.settings import Settings, load_settings
from orchestration.warehouse import DuckDBWarehouse

from .company import Company, write_landing
from .compare import Difference, compare, reads_of

_GOOD = ("success", "pass", "warn", "no-op")
GENERIC_SOURCES = ("crm", "contact_center", "ecommerce", "marketing", "survey", "finance")


@dataclass(frozen=True)
class _SharedSettings(Settings):
    """Settings of one home whose dbt folder is everybody's: the project is parsed once, not per company."""

    shared_target: Path = Path()

    @property
    def dbt_target(self) -> Path:
        return self.shared_target


@dataclass(frozen=True)
class Build:
    """One published snapshot, and what dbt and the intake said on the way."""

    database: Path
    nodes: tuple[NodeResult, ...]
    refusals: tuple[str, ...]

    @property
    def content_hashes(self) -> dict[str, str]:
        """`<schema>.<table>` of marts and core -> hash of its rows, the snapshot's id left out."""
        tables = json.loads((self.database.parent / "manifest.json").read_text(encoding="utf-8"))["tables"]
        return {f"{t['schema']}.{t['name']}": t["content_hash"] for t in tables if t["schema"] != "meta"}

    @property
    def failures(self) -> list[str]:
        """Models that did not build and checks that block a publish."""
        bad = [node for node in self.nodes if node.status not in _GOOD]
        return [f"{node.status} {node.unique_id}: {node.message}" for node in bad]


class Pipeline:
    """Builds homes below `folder`. `sources` are those that the site has configured."""

    def __init__(self, folder: Path, sources: Sequence[str] = GENERIC_SOURCES) -> None:
        self._folder, self._sources = folder, tuple(sources)
        self._target = folder / "dbt"

    @property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """Mart -> tables behind it, as the project declares them."""
        return reads_of(self._target / "manifest.json")

    def take_in(self, landing: Path, home: Path, environment: Mapping[str, str]) -> list[str]:
        """What is new in landing into a home; returns the files that were not taken, with reasons."""
        settings = self._settings(landing, home, environment)
        ledger = Ledger(settings.ledger_path)
        refusals = []
        for contract in self._contracts(settings).values():
            taken = ingest(contract, settings, ledger)
            refusals += [f"{each.file_name}: {each.reason}" for each in taken.in_state("refused", "held")]
            refusals += [f"{name}: waiting" for name in taken.waiting]
            refusals += [f"{contract.name}: {taken.total('rows_rejected')} rows"] * bool(taken.total("rows_rejected"))
        return refusals

    def run(self, landing: Path, home: Path, environment: Mapping[str, str]) -> Build:
        """Intake, three phases of dbt with identity and channel weights in between, publish."""
        refusals = self.take_in(landing, home, environment)
        settings = self._settings(landing, home, environment)
        manifest, contracts = self._manifest(settings), self._contracts(settings)
        ledger = Ledger(settings.ledger_path)
        warehouse = DuckDBWarehouse(settings.warehouse_path, settings)
        snapshot_id = snapshots.new_snapshot_id(settings, self._sources, ledger)
        nodes = build.build_warehouse(manifest, contracts, self._sources, settings, ledger, warehouse, snapshot_id)
        published = snapshots.publish(settings, ledger, manifest, snapshot_id, [], {})
        return Build(published.path / "cxw.duckdb", tuple(nodes), tuple(refusals))

    def build(self, company: Company, name: str) -> Build:
        """A company's landing files through the pipeline, in a home called `name`."""
        landing, home = self._folder / name / "landing", self._folder / name / "home"
        write_landing(company, landing)
        return self.run(landing, home, company.environment())

    def build_in_two_goes(self, company: Company, name: str) -> Build:
        """As `build`, but the second half of the company's files lands after the first was taken in."""
        landing, home = self._folder / name / "landing", self._folder / name / "home"
        half = len(company.deliveries) // 2
        write_landing(dataclasses.replace(company, deliveries=company.deliveries[:half]), landing)
        self.take_in(landing, home, company.environment())
        write_landing(company, landing)
        return self.run(landing, home, company.environment())

    def differences(self, company: Company, name: str) -> list[Difference | str]:
        """Everything wrong with one company: cells, failed models and checks, files that were not taken in."""
        built = self.build(company, name)
        return [*built.refusals, *built.failures, *compare(built.database, company, self.reads)]

    def _settings(self, landing: Path, home: Path, environment: Mapping[str, str]) -> Settings:
        found = load_settings(home, {"CXW_LANDING": str(landing), "CXW_SETTLE_SECONDS": "0", **environment})
        values = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
        return _SharedSettings(**values, shared_target=self._target)

    def _manifest(self, settings: Settings) -> dict[str, Any]:
        return project.prepare_manifest(settings, self._sources)

    def _contracts(self, settings: Settings) -> dict[str, Contract]:
        contracts = load_contracts(self._manifest(settings), settings)
        return {name: contract for name, contract in contracts.items() if contract.source in self._sources}
