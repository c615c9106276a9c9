"""The probabilistic rule: the same rows and model give the same pairs, a day's changes give what all rows give, and
nothing of it holds a person's value."""

import json
import logging
import random
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from labelled_people import as_records, labelled

from orchestration import identity_matching, matching, matching_scores, matching_training
from orchestration.errors import CxwError
from orchestration.identity_review import COLUMNS, agreement
from orchestration.ledger import Ledger
from orchestration.matching_model import from_json
from orchestration.settings import Settings

pytest.importorskip("splink")
CANARY = "zebulonquist"
DECIDED = pa.table({name: pa.array([], pa.string()) for name in (*matching.PAIR_IDS, "verdict", "rule")})


def site(home: Path, **values) -> Settings:
    return Settings(home=home, has_probabilistic_matching=True, **values)


@pytest.fixture(scope="module")
def people():
    return labelled("fake_1000").records.slice(0, 400)


@pytest.fixture(scope="module")
def model(people, tmp_path_factory):
    return matching_training.train(people, site(tmp_path_factory.mktemp("home")), "2026-04-01")


def shuffled(table: pa.Table, seed: int) -> pa.Table:
    return table.take(pa.array(random.Random(seed).sample(range(len(table)), len(table))))


def told(found: matching.Matches) -> tuple[pa.Table, pa.Table]:
    """What was found, in an order."""
    keys = [(name, "ascending") for name in matching.PAIR_IDS]
    return found.judged.sort_by(keys), found.review.sort_by(keys)


def test_training_on_the_same_rows_gives_the_same_model_whatever_their_order_and_the_threads(people, model, tmp_path):
    again = matching_training.train(shuffled(people, 3), site(tmp_path, threads=1), "2026-04-01")
    assert again.to_json() == model.to_json()
    assert from_json(model.to_json()) == model


def test_one_record_more_is_another_model(people, model, tmp_path):
    assert matching_training.train(people.slice(1), site(tmp_path), "2026-04-01").version != model.version


def test_pairs_do_not_depend_on_the_order_of_the_rows(people, model, tmp_path):
    one, other = (matching.match(rows, model, site(tmp_path)) for rows in (people, shuffled(people, 5)))
    assert told(one) == told(other)
    assert len(one.judged) > 100 and len(one.review) > 5


def test_a_day_of_changes_gives_what_all_rows_give_and_looks_at_less(people, model, tmp_path):
    """Records change, leave and come; one block grows beyond what is compared, and shrinks again."""
    settings, state = site(tmp_path), tmp_path / "state.duckdb"
    tight = replace(model, caps={**model.caps, "birth": 3, "last_name": 4, "full_name": 3}).versioned()
    rng = random.Random(11)
    rows = people.to_pylist()
    everything = matching.match(people, tight, settings, state)
    for day in range(4):
        for place in rng.sample(range(len(rows)), 6):
            other = rng.choice(rows)
            name = rng.choice(["date_of_birth", "last_name", "first_name", "email"])
            rows[place] = {**rows[place], name: other[name]}
        del rows[rng.randrange(len(rows))]
        rows += [{**rng.choice(rows), "source_id": f"new{day}{number}"} for number in range(3)]
        now = pa.Table.from_pylist(rows, schema=people.schema)
        updated, full = matching.match(now, tight, settings, state), matching.match(now, tight, settings)
        assert told(updated) == told(full)
        assert 0 < updated.candidate_pairs < full.candidate_pairs / 2
    assert len(everything.judged) != len(full.judged)


def test_nothing_changed_looks_at_nothing(people, model, tmp_path):
    settings, state = site(tmp_path), tmp_path / "state.duckdb"
    first, second = (matching.match(people, model, settings, state) for _ in range(2))
    assert second.candidate_pairs == 0 and told(second) == told(first)


def test_a_damaged_file_of_earlier_scores_is_made_again(people, model, tmp_path):
    state = tmp_path / "state.duckdb"
    state.write_bytes(b"not a database at all" * 1000)
    again = matching.match(people, model, site(tmp_path), state)
    assert told(again) == told(matching.match(people, model, site(tmp_path)))


def test_another_threshold_moves_pairs_between_the_rule_and_the_review(people, model, tmp_path):
    state = tmp_path / "state.duckdb"
    strict = site(tmp_path, match_threshold=Decimal("0.99"))
    loose, narrow = (matching.match(people, model, settings, state) for settings in (site(tmp_path), strict))
    assert len(narrow.judged) < len(loose.judged)
    assert len(narrow.judged) + len(narrow.review) == len(loose.judged) + len(loose.review)


def test_a_family_under_one_roof_is_never_joined_without_a_person(people, model, tmp_path):
    shared = {"last_name": "Quartermain", "phone": "+44 20 7946 0001", "email": "quartermain@home.example"}
    family = [{**shared, "first_name": "Ann"}, {**shared, "first_name": "Bartholomew"}]
    records = pa.concat_tables([people, _renamed(as_records(family))])
    found = matching.match(records, model, site(tmp_path))
    assert not any(str(row["left_source_id"]).startswith("family") for row in found.judged.to_pylist())
    assert any(str(row["left_source_id"]).startswith("family") for row in found.review.to_pylist())


def test_no_pairs_and_no_records_are_no_error(people, model, tmp_path):
    for records in (people.slice(0, 0), people.slice(0, 1)):
        found = matching.match(records, model, site(tmp_path))
        assert len(found.judged) == len(found.review) == 0
        assert matching_training.train(records, site(tmp_path), "").record_count == len(records)


def test_off_nothing_is_matched_and_splink_is_not_imported(tmp_path):
    code = (
        "import sys; from pathlib import Path; from orchestration import identity_matching as im;"
        "from orchestration.settings import Settings; import pyarrow as pa;"
        "from orchestration.ledger import Ledger; import tempfile; home = Path(tempfile.mkdtemp());"
        "decided = pa.table({name: pa.array(['x']) for name in im.PAIR});"
        "judged, tables = im.judge(Settings(home=home), Ledger(home / 'ledger'), {}, decided);"
        "assert judged.num_rows == 1 and all(len(t) == 0 for t in tables.values());"
        "assert 'splink' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)


def test_on_without_the_extra_says_what_to_install(monkeypatch, people, model, tmp_path):
    monkeypatch.setattr(matching_scores.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CxwError, match=r"pip install 'cx-warehouse\[identity\]'") as caught:
        matching.match(people, model, site(tmp_path))
    assert caught.value.code == "E-IDN-001" and caught.value.exit_code == 2


def test_the_first_build_trains_and_later_ones_use_that_model(people, tmp_path):
    settings = site(tmp_path)
    with Ledger(settings.ledger_path) as ledger:
        identity_matching.judge(settings, ledger, conformed(people), DECIDED)
        judged, tables = identity_matching.judge(settings, ledger, conformed(people.slice(30)), DECIDED)
        (row,) = tables["identity_models"].to_pylist()
        assert (row["is_asked_for"], row["is_in_force"], row["record_count"]) == (False, True, 400)
        assert identity_matching.asked_version(ledger) == ""
        wanted = matching.matchable_records(**conformed(people.slice(30)))
        model = identity_matching.train(settings, ledger, wanted, is_asked_for=True)
        assert identity_matching.asked_version(ledger) == model.version != row["model_version"]
        assert identity_matching.model_in_force(ledger) == model
        assert identity_matching.run_metadata(settings, ledger) == {"identity_model_version": model.version}
        assert identity_matching.run_metadata(replace(settings, has_probabilistic_matching=False), ledger) == {}
        _, tables = identity_matching.judge(settings, ledger, conformed(people), DECIDED)
    assert [row["is_in_force"] for row in tables["identity_models"].to_pylist()] == [False, True]
    assert set(judged.column("rule").to_pylist()) == {"probabilistic"}
    assert set(judged.column("verdict").to_pylist()) == {"same"}


def test_the_review_list_has_the_columns_of_the_delivered_decisions():
    import yaml

    path = Path(__file__).parent.parent / "dbt_project/models/staging/identity/_identity__sources.yml"
    (table,) = yaml.safe_load(path.read_text(encoding="utf-8"))["sources"][0]["tables"]
    assert set(COLUMNS) == {column["name"] for column in table["columns"]} - {"is_deleted"}
    row = {"match_probability": Decimal("0.412345"), "first_name_level": "near", "email_level": None}
    assert agreement({**dict.fromkeys(identity_matching.LEVELS), **row}) == "p 0.41; first_name near"


def test_a_record_numbered_by_its_address_is_shown_under_another_id_that_decisions_may_name(people, model, tmp_path):
    ids = pa.array([f"{CANARY}{number}@x.example" for number in range(len(people))])
    records = people.set_column(people.column_names.index("source_id"), "source_id", ids)
    settings = site(tmp_path)
    with Ledger(settings.ledger_path) as ledger:
        _, tables = identity_matching.judge(settings, ledger, conformed(records), DECIDED)
        pairs = tables["review_pairs"]
        assert len(pairs) and CANARY not in json.dumps(pairs.to_pylist(), default=str)
        answered = pairs.select(identity_matching.PAIR)
        for name, word in (("verdict", "different"), ("rule", "decision")):
            answered = answered.append_column(name, pa.array([word] * len(answered)))
        judged, _ = identity_matching.judge(settings, ledger, conformed(records), answered)
    decisions = judged.filter(pc.equal(judged.column("rule"), "decision"))
    named = {*decisions.column("left_source_id").to_pylist(), *decisions.column("right_source_id").to_pylist()}
    assert len(decisions) == len(pairs) and named <= set(ids.to_pylist())


def test_no_value_of_a_person_leaves_the_matcher(people, tmp_path, caplog, capfd):
    """Not in the model, the pairs, the tables, the file of scores, a log, the screen, or an error."""
    planted = [
        dict.fromkeys(("first_name", "last_name", "city", "street_address", "postal_code"), f"{CANARY}{number % 3}")
        | {
            "email": f"{CANARY}{number}@x.example",
            "phone": "+49 30 13371337",
            "date_of_birth": f"1970-01-0{number + 1}",
        }
        for number in range(9)
    ]
    records = pa.concat_tables([people, _renamed(as_records(planted))])
    settings = site(tmp_path)
    with caplog.at_level(logging.DEBUG), Ledger(settings.ledger_path) as ledger:
        judged, tables = identity_matching.judge(settings, ledger, conformed(records), DECIDED)
        (text,) = (text for _, text, _ in ledger.identity_models())
    out, err = capfd.readouterr()
    shown = [json.dumps(table.to_pylist(), default=str) for table in (judged, *tables.values())]
    for place, content in {"model": text, "tables": "".join(shown), "screen": out + err, "log": caplog.text}.items():
        assert CANARY not in content and "13371337" not in content and "1970-01-0" not in content, place
    files = [path for path in settings.home.rglob("*") if path.is_file()]
    assert settings.matching_state_path in files
    for path in files:
        assert CANARY.encode() not in path.read_bytes(), path.name
    with duckdb.connect(str(settings.matching_state_path), read_only=True) as connection:
        names = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
    assert names == {"records", "blocks", "scored", "made_with"}


def test_an_error_of_the_engine_tells_its_kind_and_no_value(people, model, tmp_path):
    broken = people.set_column(people.column_names.index("city"), "city", pa.array([CANARY.encode()] * len(people)))
    with pytest.raises(CxwError) as caught:
        matching.match(broken.drop_columns(["email"]), model, site(tmp_path))
    assert caught.value.code == "E-IDN-002" and CANARY not in str(caught.value)


def conformed(records: pa.Table) -> dict[str, pa.Table]:
    """Records as `int_contacts__unioned` has them, beside two empty tables."""
    contacts = records.rename_columns({"source_id": "contact_id"}).drop_columns(["source_table", "national_id"])
    contacts = contacts.append_column("is_deleted", pa.array([False] * len(records)))
    nobody = pa.table({"source_system": pa.array([], pa.string()), "is_deleted": pa.array([], pa.bool_())})
    empty = {name: pa.array([], pa.string()) for name in ("lead_id", "customer_id")}
    return {
        "contacts": contacts,
        "leads": nobody.append_column("lead_id", empty["lead_id"]),
        "customers": nobody.append_column("customer_id", empty["customer_id"]),
    }


def _renamed(records: pa.Table) -> pa.Table:
    ids = pa.array([f"family{number}" for number in range(len(records))])
    return records.set_column(records.column_names.index("source_id"), "source_id", ids)
