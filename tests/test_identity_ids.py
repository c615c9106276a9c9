"""Ids that are addresses: nothing published gives one away, and nothing else about a customer changes."""

import hashlib

import pyarrow as pa

from orchestration.identity_customers import member_keys
from orchestration.identity_ids import opaque_ids
from orchestration.ledger import Ledger
from tests.test_identity import Company

ADDRESS = "canary@shop.example"
SECRET, OTHER_SECRET = b"1" * 32, b"2" * 32


def shop() -> Company:
    return Company().shopper(ADDRESS, 1, email="ann@x.example").contact("C1", 2, email="ann@x.example").shopper("S2", 3)


def test_ordinary_ids_are_what_they_were() -> None:
    ids = pa.array(["C1", None, "a@b"])
    shown = opaque_ids(ids, SECRET).to_pylist()
    assert shown[:2] == ["C1", None] and shown[2].startswith("id-") and len(shown[2]) == 35
    plain = Company().contact("C1", 1)
    assert plain.resolve(id_secret=SECRET).keys == plain.resolve(id_secret=OTHER_SECRET).keys


def test_no_published_table_holds_the_address_and_no_key_can_be_made_from_it() -> None:
    resolved = shop().resolve(id_secret=SECRET)
    rows = resolved.result.customer_identities.to_pylist()
    assert ADDRESS not in str(rows) and "canary" not in str(resolved.result.customers.to_pylist())
    (record,) = (row for row in rows if row["source_id"].startswith("id-"))
    guessed = pa.table({**{name: [record[name]] for name in ("source_system", "source_table")}, "source_id": [ADDRESS]})
    assert member_keys(guessed).to_pylist()[0] not in resolved.keys
    assert hashlib.sha256(ADDRESS.encode()).hexdigest()[:32] not in record["source_id"]


def test_the_same_secret_gives_the_same_keys_and_another_one_others() -> None:
    first, again, other = (shop().resolve(id_secret=secret) for secret in (SECRET, SECRET, OTHER_SECRET))
    assert first.sorted_tables() == again.sorted_tables()
    assert len(first.keys) == len(other.keys) == 2 and len(first.keys & other.keys) == 1
    assert first.id("customer_id", ADDRESS) == first.contact("C1"), "events still find the record by its id"


def test_a_replaced_key_names_the_id_that_may_be_shown() -> None:
    company = shop()
    before = company.resolve(id_secret=SECRET)
    company.rows["contacts"][0] |= {"created_at": company.rows["customers"][0]["created_at"].replace(year=2000)}
    after = company.resolve(
        id_secret=SECRET, published_identities=before.result.customer_identities, snapshot_id="s2"
    ).result
    (retired,) = after.retired_customer_keys.to_pylist()
    assert retired["source_id"].startswith("id-")
    assert retired["source_id"] in [row["source_id"] for row in after.customer_identities.to_pylist()]


def test_a_homes_secret_is_made_once(tmp_path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        first = ledger.secret("record ids")
        assert len(first) == 32 and ledger.secret("record ids") == first != ledger.secret("another")
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.secret("record ids") == first
