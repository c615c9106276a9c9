"""The unit tests beside the models: logic with a window, a tie, a currency or a null in it, on rows made for it.

The tiny company is built first, because dbt learns the types of a mocked input from the relation that it stands for.
"""

import pytest

from orchestration import build, project
from orchestration.landing import ingest
from orchestration.ledger import Ledger
from orchestration.settings import Settings
from orchestration.site import open_site
from orchestration.warehouse import DuckDBWarehouse

pytestmark = pytest.mark.pipeline


def test_every_unit_test_of_every_model_passes(tiny_home: Settings) -> None:
    site = open_site(tiny_home)
    with Ledger(tiny_home.ledger_path) as ledger:
        for contract in site.contracts.values():
            ingest(contract, tiny_home, ledger)
        warehouse = DuckDBWarehouse(tiny_home.warehouse_path, tiny_home)
        built = build.build_warehouse(
            site.manifest, site.contracts, site.sources, tiny_home, ledger, warehouse, "000001-tests"
        )
    assert [f"{node.unique_id}: {node.message}" for node in built if node.status in ("error", "fail")] == []
    absent = [f"models/staging/{source}" for source in project.unconfigured_sources(site.sources)]
    arguments = ["test", "--select", "test_type:unit", "--exclude", *(f"path:{folder}" for folder in absent)]
    ended = project.invoke(tiny_home, site.sources, arguments, snapshot_id="000001-tests")
    assert [f"{node.unique_id}: {node.message}" for node in ended if node.status != "pass"] == []
    written = site.manifest["unit_tests"].items()
    expected = {name for name, test in written if not test["original_file_path"].startswith(tuple(absent))}
    assert {node.unique_id for node in ended} == expected
