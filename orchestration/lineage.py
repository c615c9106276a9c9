"""Questions about the dbt graph that the manifest answers: the phase of a node, the model that a test speaks of.

Lives here: walking `parent_map`. Does not live here: the phases themselves (`build.py`), Dagster's view of the graph
(`transformation.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from orchestration.build import PHASES
from orchestration.contracts import Contract
from orchestration.settings import Settings

# What records say of their customer: of no weight for a mart that only counts customers.
_SAYINGS, _TOLD_BY = "int_customers__records", ("int_customers__survivors", "customer_email_hashes", "dim_customers")
LAYERS = ("staging", "conformed", "core", "marts")
IDENTITY_SOURCE, ATTRIBUTION_SOURCE, CLV_SOURCE = "identity_output", "attribution_output", "clv_output"
INPUT_SOURCE = "meta_input"
_PHASE_STARTS = {f".{IDENTITY_SOURCE}.": 1, f".{ATTRIBUTION_SOURCE}.": 2, f".{CLV_SOURCE}.": 2}


def phases_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Name of the phase (`build.PHASES`) of every node, by what it descends from."""
    names = list(PHASES)
    found: dict[str, int] = {}

    def phase(unique_id: str) -> int:
        if unique_id not in found:
            own = max((number for mark, number in _PHASE_STARTS.items() if mark in unique_id), default=0)
            found[unique_id] = max([own, *map(phase, manifest["parent_map"].get(unique_id, ()))])
        return found[unique_id]

    return {unique_id: names[phase(unique_id)] for unique_id in manifest["nodes"]}


def delivered_tables(manifest: Mapping[str, Any], unique_id: str) -> set[str]:
    """`<source>.<table>` of every delivered table that a node's rows come from.

    The walk ends at identity: every event has a say in who is one customer, which would make every list the same. So
    it does at what records say of their customer, but for the tables that tell it.
    """
    is_told_here = unique_id.endswith(tuple(f".{name}" for name in _TOLD_BY))
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [unique_id]
    while waiting:
        current = waiting.pop()
        if current in seen or (current.endswith(f".{_SAYINGS}") and not is_told_here):
            continue
        seen.add(current)
        source = manifest["sources"].get(current)
        if source and source["source_name"] not in (IDENTITY_SOURCE, ATTRIBUTION_SOURCE, CLV_SOURCE, INPUT_SOURCE):
            found.add(f"{source['source_name']}.{source['name']}")
        waiting += manifest["parent_map"].get(current, ())
    return found


def generated_inputs(
    manifest: Mapping[str, Any], contracts: Mapping[str, Contract], settings: Settings, unique_id: str
) -> str:
    """A sentence naming the invented tables behind a node, for everybody who looks at it; empty when all is real."""

    def is_invented(name: str) -> bool:
        contract = contracts.get(name)
        folders = (
            (base / contract.source / contract.table for base in (settings.landing, settings.typed)) if contract else ()
        )
        return contract is not None and contract.is_generated and any(folder.is_dir() for folder in folders)

    tables = sorted(filter(is_invented, delivered_tables(manifest, unique_id)))
    return f"Generated for the demo, not real: {', '.join(tables)}." if tables else ""


def phase_sizes(manifest: Mapping[str, Any], absent_sources: tuple[str, ...]) -> dict[str, int]:
    """How many nodes each phase builds or tests, for progress; folders of absent sources are not built."""
    nodes = manifest["nodes"]
    absent = {
        unique_id
        for unique_id, node in nodes.items()
        if node["fqn"][1] == "staging" and len(node["fqn"]) > 2 and node["fqn"][2] in absent_sources
    }
    return Counter(phase for unique_id, phase in phases_of(manifest).items() if unique_id not in absent)


def test_subjects(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The one node that each dbt test is shown on: of those it reads, the last built and the nearest to a reader."""
    nodes = manifest["nodes"]
    order = {phase: number for number, phase in enumerate(PHASES)}
    phases = phases_of(manifest)

    def rank(unique_id: str) -> tuple[int, int]:
        folder = nodes[unique_id]["fqn"][1]
        return order[phases[unique_id]], LAYERS.index(folder) if folder in LAYERS else -1

    subjects = {}
    for unique_id, node in nodes.items():
        if node["resource_type"] == "test":
            read = [parent for parent in node["depends_on"]["nodes"] if parent in nodes]
            attached = node.get("attached_node")
            ranked = sorted(read, key=lambda name: (*rank(name), name == attached, name))
            subjects[unique_id] = ranked[-1] if ranked else node["depends_on"]["nodes"][0]
    return subjects
