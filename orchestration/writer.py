"""What a Dagster run needs to write: the lease, the ledger, the build database, and the snapshot it builds.

Lives here: the one resource of all assets, opened once per run, and how errors of the house reach Dagster.
Does not live here: what the steps do (`build.py`, `landing.py`, `snapshots.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration import build, disk, landing, lease, progress, project, registration, snapshots
from orchestration.contracts import Contract
from orchestration.crash_points import CrashPoint, reach
from orchestration.errors import CxwError
from orchestration.instance import process_tag
from orchestration.landing import IngestResult
from orchestration.ledger import Ledger
from orchestration.lineage import phase_sizes
from orchestration.settings import Settings
from orchestration.site import Site
from orchestration.suites import RowRules
from orchestration.warehouse import DuckDBWarehouse

if TYPE_CHECKING:
    from orchestration.project import NodeResult

LEASE_WAIT_SECONDS = 6 * 3600.0  # a queued run waits for the one that writes; run monitoring ends what hangs


@dataclass
class Writer:
    """One run's right to write. `first_date` and `last_date` narrow ingestion; `force` reads accepted files again."""

    site: Site
    ledger: Ledger
    warehouse: DuckDBWarehouse
    force: bool = False
    first_date: date | None = None
    last_date: date | None = None
    tables_done: int = 0

    @property
    def settings(self) -> Settings:
        return self.site.settings

    @cached_property
    def snapshot_id(self) -> str:
        """Id of the snapshot that the deliveries at hand make; the same in every step and every retry."""
        return snapshots.new_snapshot_id(self.settings, self.site.sources, self.ledger)

    def ingest(
        self, contract: Contract, days: set[date] | None, rules: RowRules | None, *, is_forced: bool
    ) -> IngestResult:
        """Take in what landed for one table; rows that a quarantine rule fails are set aside on the way."""
        return landing.ingest(
            contract,
            self.settings,
            self.ledger,
            extract_dates=days,
            force=self.force or is_forced,
            row_rules=rules,
        )

    def tell_ingested(self, contract: Contract, total: int) -> None:
        """One more table of this run is taken in."""
        self.tables_done += 1
        progress.tell("landing", contract.name, self.tables_done, total)

    def asked_dates(self) -> set[date] | None:
        """Extract dates that the resource was asked for; None = whatever there is."""
        if self.first_date is None or self.last_date is None:
            return None
        span = (self.last_date - self.first_date).days
        return {self.first_date + timedelta(days=number) for number in range(span + 1)}

    def register(self, contract: Contract) -> registration.Registered:
        """Rows in force of one table, if its files changed since they were registered."""
        return registration.ensure_registered(contract, self.settings, self.ledger, self.warehouse, self._notes)

    def typed_rows(self) -> dict[str, int]:
        """Rows in the typed files behind every registered table of the site."""
        notes = {f"{note.source}.{note.table_name}": note.typed_rows for note in self._notes.values()}
        return {name: notes[name] for name in self.site.contracts if name in notes}

    @cached_property
    def _notes(self) -> registration.Notes:
        return registration.read_notes(self.warehouse)

    def register_inputs(self) -> dict[str, date | None]:
        """Rows in force of every table whose files changed, then `meta_input`. Returns `as_of` by mart."""
        for contract in self.site.contracts.values():
            self.register(contract)
        registration.begin_build(self.warehouse, self.snapshot_id)
        reach(CrashPoint.CONFORMED_NOTED)
        site = self.site
        return build.register_pipeline_inputs(
            site.manifest, site.contracts, site.sources, self.settings, self.ledger, self.warehouse
        )

    def refuse_changed_code(self) -> None:
        """Hold a run whose code is not the one it began with: parts of both would be mixed.

        Raises:
            CxwError: E-PUB-006.
        """
        if build.code_version() != self.site.code_version:
            said = "code, models or suites changed while this run was under way"
            raise CxwError("E-PUB-006", said, where=f"run {self.snapshot_id}", next_command="cxw run")

    def run_phase(self, phase: str, selected: Sequence[str] | None = None) -> "list[NodeResult]":
        """One dbt phase, or the named models of it with their tests."""
        self.refuse_changed_code()
        with self.warehouse.connect():  # nobody else has it open now
            pass
        self.warehouse.release()  # dbt opens the file itself
        total = len(selected) if selected else self._phase_sizes[phase]
        done = 0

        def on_node(unique_id: str, status: str, seconds: float) -> None:
            nonlocal done
            done += unique_id in self.site.manifest["nodes"]  # dbt "builds" exposures too
            progress.tell(phase, unique_id.split(".")[2], done, total)
            reach(CrashPoint(f"build_{phase}.node"))

        if selected is None:
            return build.run_phase(self.settings, self.site.sources, phase, self.snapshot_id, on_node)
        arguments = ["build", "--select", *selected, "--exclude-resource-type", "unit_test"]
        return project.invoke(
            self.settings, self.site.sources, arguments, snapshot_id=self.snapshot_id, on_node=on_node
        )

    @cached_property
    def _phase_sizes(self) -> dict[str, int]:
        return phase_sizes(self.site.manifest, project.unconfigured_sources(self.site.sources))

    def row_counts(self) -> dict[tuple[str, str], int]:
        """Rows by schema and table of everything the build database holds, from its catalogue."""
        with self.warehouse.connect() as connection:
            rows = connection.execute("select schema_name, table_name, estimated_size from duckdb_tables()").fetchall()
        return {(schema, table): count for schema, table, count in rows}

    def headline(self, node: Mapping[str, Any]) -> dict[str, float]:
        """The number people want to see of a model, if its YAML names one: `config.meta.headline: {name, of}`."""
        wanted = node.get("config", {}).get("meta", {}).get("headline")
        if not wanted:
            return {}
        value = self._aggregate(f"{node['schema']}.{node['name']}", wanted["of"])
        return {} if value is None else {wanted["name"]: float(value)}

    def advice(self, test: Mapping[str, Any]) -> str:
        """What a failed dbt test has to tell, if its config names it: `meta.tells: {table, of}`. Never a row's data."""
        wanted = test.get("config", {}).get("meta", {}).get("tells")
        return str(self._aggregate(wanted["table"], wanted["of"])) if wanted else ""

    def _aggregate(self, table: str, expression: str) -> Any:
        with self.warehouse.connect() as connection:
            return connection.table(table).aggregate(expression).fetchone()[0]


def build_writer(site: Site) -> dg.ResourceDefinition:
    """The resource `writer`: holds the lease from a run's first step to its last."""

    @dg.resource(
        description="The right to write to this home; its options narrow or widen what ingestion reads.",
        config_schema={
            "force": dg.Field(
                bool,
                default_value=False,
                description="Read files again that were accepted before (same rows come out).",
            ),
            "first_date": dg.Field(str, default_value="", description="First extract date to read, YYYY-MM-DD."),
            "last_date": dg.Field(str, default_value="", description="Last extract date to read, YYYY-MM-DD."),
        },
    )
    def writer(context: dg.InitResourceContext) -> Iterator[Writer]:
        options = context.resource_config
        run = context.run
        what = f"Dagster run {context.run_id[:8]}" if context.run_id else "Dagster"
        if context.instance and run:
            context.instance.add_run_tags(run.run_id, process_tag())
        with (
            reporting_errors(site.settings),
            lease.hold(
                site.settings,
                what,
                wait_seconds=LEASE_WAIT_SECONDS,
                on_wait=lambda holder: context.log.warning(f"waiting: {holder} is writing to this home"),
            ),
            Ledger(site.settings.ledger_path) as ledger,
            _open_between_steps(site.settings) as warehouse,
        ):
            disk.require_room(site.settings)
            disk.make_build_private(site.settings)
            for found in snapshots.reconcile(site.settings, ledger):
                context.log.warning(found)
            yield Writer(
                site=site,
                ledger=ledger,
                warehouse=warehouse,
                force=options["force"],
                first_date=_date(options["first_date"]),
                last_date=_date(options["last_date"]),
            )

    return writer


@contextmanager
def _open_between_steps(settings: Settings) -> Iterator[DuckDBWarehouse]:
    warehouse = DuckDBWarehouse(settings.warehouse_path, settings, stays_open=True)
    try:
        yield warehouse
        warehouse.tidy()
    finally:
        warehouse.release()


@contextmanager
def reporting_errors(settings: Settings | None = None) -> Iterator[None]:
    """An error of the house becomes a Dagster failure that reads as one sentence, with code and next command.

    With `settings` an error of the disk does too, and a build file found damaged is given up.
    """
    try:
        try:
            yield
        except Exception as error:
            told = None if settings is None or isinstance(error, CxwError) else disk.as_disk_error(error)
            if told is None:
                raise
            if told.code == "E-DSK-004":
                disk.distrust_build(settings)
            raise told from error
    except CxwError as error:
        metadata = {"code": error.code, "where": error.where, "next": error.next_command}
        raise dg.Failure(
            description=str(error),
            metadata={key: value for key, value in metadata.items() if value},
            allow_retries=False,
        ) from error


def _date(text: str) -> date | None:
    """A date of the run config; anything else never reaches a path or SQL."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise CxwError("E-RUN-002", "not a date of the form YYYY-MM-DD", where="writer config") from None
