"""One site: its settings, the dbt manifest, the suites, and the contracts of the sources that it has.

Lives here: putting them together once per process, in the order that they need each other.
Does not live here: what a contract is (`contracts.py`), parsing the project (`project.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestration import build, project
from orchestration.contracts import Contract, configured_sources, load_contracts
from orchestration.rules import Suite, load_suites
from orchestration.settings import Settings


@dataclass(frozen=True)
class Site:
    """`contracts` holds the tables of the configured sources only, `suites` all rules by `<source>.<table>` or mart.

    `code_version` is that of the code and the models when this site was opened: what a run must end with, too.
    """

    settings: Settings
    manifest: Mapping[str, Any]
    contracts: Mapping[str, Contract]
    sources: tuple[str, ...]
    suites: Mapping[str, Suite]
    code_version: str


def open_site(settings: Settings, manifest: Mapping[str, Any] | None = None) -> Site:
    """Read what this site consists of; parses the dbt project only when it changed.

    Args:
        manifest: a manifest at hand (tests); default the project's own.

    Raises:
        CxwError: E-CFG-003 for a configured source without a contract, E-CFG-004 for a bad contract.
    """
    version = build.code_version()
    if manifest is None:
        manifest = project.prepare_manifest(settings, _listed_sources(settings))
    contracts = load_contracts(manifest, settings)
    sources = configured_sources(contracts, settings)
    suites = load_suites()
    chosen = {
        name: replace(contract, suite_version=suites[name].version) if name in suites else contract
        for name, contract in contracts.items()
        if contract.source in sources
    }
    return Site(settings, manifest, contracts=chosen, sources=sources, suites=suites, code_version=version)


def _listed_sources(settings: Settings) -> tuple[str, ...]:
    """The configured sources as far as folder names tell: the manifest that would check them is made from these."""
    known = set(project.unconfigured_sources(()))
    delivered = settings.sources or (
        tuple(path.name for path in settings.landing.iterdir()) if settings.landing.is_dir() else ()
    )
    return tuple(sorted(known.intersection(delivered)))
