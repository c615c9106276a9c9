"""The ledger as memory: what is recorded stays, in whatever order it came."""

from __future__ import annotations

import sqlite3
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.errors import CxwError
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Delivery, Publish, Sighting

DAY = date(2024, 1, 15)


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def delivery(sha256="a" * 64, **values) -> Delivery:
    fields = {"source": "shop", "table": "orders", "file_name": "orders_2024-01-15.csv", "extract_date": DAY}
    return Delivery(**(fields | {"sha256": sha256, "revision": 1, "state": "accepted"} | values))


def test_a_delivery_comes_back_as_it_was_recorded(ledger):
    (written,) = ledger.record(
        [delivery(rows_in=3, rows_accepted=2, rows_rejected=1, warnings=("one", "two"), expected_rows=3)]
    )
    assert written.sequence == 1
    assert written.received_at
    assert ledger.deliveries() == [written]


def test_a_delivery_read_again_keeps_its_place(ledger):
    first, second = ledger.record([delivery("a"), delivery("b")])
    ledger.record([delivery("a", state="refused", reason_code="E-LND-012", sequence=first.sequence)])
    assert [(each.sequence, each.state) for each in ledger.deliveries()] == [(1, "refused"), (2, "accepted")]
    assert second.sequence == 2


def test_rows_that_do_not_add_up_cannot_be_recorded_and_take_their_batch_with_them(ledger):
    with pytest.raises(sqlite3.IntegrityError):
        ledger.record([delivery("a"), delivery("b", rows_in=3, rows_accepted=2)])
    assert ledger.deliveries() == []


def test_deliveries_are_found_by_table_and_state(ledger):
    ledger.record([delivery("a"), delivery("b", table="refunds"), delivery("c", state="held")])
    assert [each.sha256 for each in ledger.deliveries("shop", "orders")] == ["a", "c"]
    assert [each.sha256 for each in ledger.deliveries(states=["held"])] == ["c"]


def test_a_sighting_is_the_latest_look_at_a_file(ledger):
    look = Sighting("shop", "orders", "a.csv", 10, 20, 30)
    ledger.record([], [look])
    ledger.record([], [Sighting("shop", "orders", "a.csv", 11, 21, 30)])
    assert ledger.sightings("shop", "orders")["a.csv"].size == 11
    assert ledger.sightings("shop", "refunds") == {}


def test_the_newest_date_is_that_of_accepted_deliveries_of_any_table(ledger):
    assert ledger.newest_extract_date() is None
    ledger.record([delivery("a"), delivery("b", table="refunds", extract_date=date(2024, 1, 17))])
    ledger.record([delivery("c", state="refused", extract_date=date(2024, 2, 1))])
    assert ledger.newest_extract_date() == date(2024, 1, 17)


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(5)))
def test_the_fingerprint_of_the_inputs_does_not_depend_on_the_order_of_arrival(tmp_path_factory, order):
    deliveries = [delivery(str(number), revision=number) for number in range(5)]

    def fingerprint(numbers):
        with Ledger(tmp_path_factory.mktemp("ledger") / "ledger.sqlite") as ledger:
            for number in numbers:
                ledger.record([deliveries[number]])
            return ledger.input_fingerprint()

    assert fingerprint(order) == fingerprint(range(5))


def test_the_fingerprint_changes_with_what_marts_are_made_from_and_with_nothing_else(ledger):
    seen = {ledger.input_fingerprint()}
    ledger.record([delivery("a")])
    seen.add(ledger.input_fingerprint())
    ledger.record([delivery("b", state="refused")])  # its date is incomplete now
    seen.add(ledger.input_fingerprint())
    ledger.accept_gap("shop", "orders", date(2024, 1, 16), why="holiday", accepted_by="kim")
    seen.add(ledger.input_fingerprint())
    assert len(seen) == 4
    ledger.record([delivery("a", state="duplicate"), delivery("", state="refused", extract_date=None)])
    ledger.record_publish(Publish("s1", "f", "2024-01-16T00:00:00", "h", "published"))
    assert ledger.input_fingerprint() in seen


def test_a_gap_is_kept_with_its_reason(ledger):
    ledger.accept_gap("shop", "orders", DAY, why="till was broken", accepted_by="kim")
    (gap,) = ledger.gaps("shop", "orders")
    assert (gap.extract_date, gap.why, gap.accepted_by) == (DAY, "till was broken", "kim")
    assert ledger.gaps("shop", "refunds") == []


def test_a_publish_moves_from_building_to_published(ledger):
    ledger.record_publish(Publish("s1", "f1", "2024-01-16T00:00:00", "", "building"))
    ledger.record_publish(Publish("s1", "f1", "2024-01-16T00:00:05", "h1", "published"))
    ledger.record_publish(Publish("s2", "f2", "2024-01-17T00:00:00", "h2", "published"))
    assert [(each.snapshot_id, each.state) for each in ledger.publishes()] == [("s1", "published"), ("s2", "published")]


def test_only_what_is_held_can_be_released(ledger):
    (held,) = ledger.record([delivery("a", state="held", reason_code="E-LND-013")])
    assert ledger.release(held.sequence, "looked at").state == "accepted"
    with pytest.raises(CxwError, match="E-LND-017"):
        ledger.release(held.sequence, "again")


def test_two_connections_see_one_ledger(tmp_path):
    with Ledger(tmp_path / "l.sqlite") as writer, Ledger(tmp_path / "l.sqlite") as reader:
        writer.record([delivery("a")])
        assert len(reader.deliveries()) == 1
