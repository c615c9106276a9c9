"""The Dagster code location: assembly only. Read this first, then the module that a line names.

Lives here: putting assets, checks, jobs, schedules, sensors and the one resource together for one site.
Does not live here: any of them. Nothing is read on import; `defs` is loaded lazily by `dagster` and `dg`.
Only sources that the site has exist in the graph.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.automation import build_jobs, build_schedules, build_sensors
from orchestration.ingestion import build_ingestion_assets
from orchestration.publication import build_publication_assets
from orchestration.settings import Settings, load_settings
from orchestration.site import open_site
from orchestration.transformation import build_input_specs, build_transformation_assets
from orchestration.writer import build_writer


def build_definitions(settings: Settings | None = None, manifest: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Everything Dagster knows of one site.

    Args:
        settings: default: `$CXW_HOME/cxw.toml` and the environment.
        manifest: default: the dbt project's, parsed again only when it changed.

    Raises:
        CxwError: for settings, contracts, suites or models that cannot be read; the message names file and key.
    """
    # Backfill policies and a few others are marked beta by Dagster; the lock pins the version that they work in.
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    site = open_site(settings or load_settings(), manifest)
    suites = site.suites
    jobs = build_jobs(site)
    return dg.Definitions(
        assets=[
            *build_ingestion_assets(site, suites),
            *build_input_specs(site),
            *build_transformation_assets(site),
            build_publication_assets(site, suites),
        ],
        jobs=jobs,
        schedules=build_schedules(site),
        sensors=build_sensors(site),
        resources={"writer": build_writer(site)},
        # dbt is the parallel part and DuckDB has one writer: a process per step costs four times the CPU for nothing.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Entry point of `dagster` and `dg`."""
    return build_definitions()
