"""The contracts as tests read them: from the YAML, as the manifest would hold them, without starting dbt."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

from orchestration.contracts import Contract, load_contracts
from orchestration.settings import Settings

PROJECT = Path(__file__).parent.parent / "dbt_project"
STAGING = PROJECT / "models" / "staging"
GENERIC_SOURCES = ("contact_center", "crm", "ecommerce", "finance", "marketing", "survey")


@functools.cache
def manifest() -> dict[str, Any]:
    """The part of the manifest that contracts come from; copy it before changing it."""
    nodes = {}
    for path in sorted(STAGING.glob("*/_*__sources.yml")):
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            for table in source["tables"]:
                meta = source.get("config", {}).get("meta", {}) | table.get("config", {}).get("meta", {})
                nodes[f"source.cx_warehouse.{source['name']}.{table['name']}"] = {
                    "source_name": source["name"],
                    "name": table["name"],
                    "description": table.get("description", ""),
                    "original_file_path": f"models/staging/{path.parent.name}/{path.name}",
                    "config": {"meta": meta},
                    "columns": {column["name"]: column for column in table["columns"]},
                }
    return {"sources": nodes}


def contracts(settings: Settings | None = None) -> dict[str, Contract]:
    return load_contracts(manifest(), settings or Settings(home=Path("home")))
