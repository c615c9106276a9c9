"""Measure the deterministic rule on a million records and a million mentions: the full run, and days that change 1 %.

`python tests/bench/identity.py [records]` prints seconds by run and the peak memory of its process, reading from and
writing to the build database included. Each run is a process of its own, as a cycle is. People are invented in SQL:
most have a contact, many a shop account, some a lead; spellings differ, families share phones, guests order by e-mail.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from orchestration import identity_incremental, identity_state  # noqa: E402  the line above says where it lies
from orchestration.garbage import look_rarely  # noqa: E402
from orchestration.ledger import Ledger  # noqa: E402
from orchestration.settings import load_settings  # noqa: E402
from orchestration.warehouse import DuckDBWarehouse  # noqa: E402

RECORDS_PER_PERSON = 1.85
DAYS = (1, 2, 3)
NAMES = (
    "['Anna', 'Ben', 'Carla', 'Deniz', 'Eva', 'Farid', 'Greta', 'Hugo', 'Ines', 'Jan', 'Karim', 'Lea', 'Mia', 'Noah']"
)
# `chance(n)` of a person is the same number in every statement, so that tables agree about people.
PEOPLE = f"""
create schema conformed;
create macro draw(i, salt) as (hash(i, salt) % 1000) / 1000.0;
create table people as
select
    i,
    {NAMES}[1 + (hash(i, 'name') % 14)::int] as first_name,
    'p' || i || '.' || (hash(i, 'surname') % 9000) || '@mail' || (hash(i, 'host') % 40) || '.example' as email,
    -- One number in seven is a family's: of two people.
    (3000000 + if(draw(i // 2, 'family') < 0.07, 2 * (i // 2), i))::varchar as number,
    timestamp '2021-01-01' + to_seconds((hash(i, 'seen') % 100000000)::bigint) as seen_at
from range($people) as numbers (i);
create table conformed.int_contacts__unioned as
select
    'crm' as source_system, 'generic' as id_namespace, 'C' || i as contact_id,
    if(draw(i, 'email') < 0.85, if(draw(i, 'case') < 0.2, upper(email) || ' ', email), null) as email,
    case when draw(i, 'phone') < 0.5 then '+49 30 ' || number when draw(i, 'phone') < 0.65 then '030 / ' || number end
        as phone,
    first_name, 'DE' as country_code, if(draw(i, 'card') < 0.3, 'L' || (i - i % 20 // 19), null) as loyalty_id,
    seen_at as created_at,
    draw(i, 'deleted') < 0.02 as is_deleted,
    if(draw(i, 'deleted') < 0.01, 'C' || (i + 7), null) as merged_into_contact_id
from people where draw(i, 'contact') < 0.9;
create table conformed.int_customers__unioned as
select
    'ecommerce' as source_system, 'generic' as id_namespace, 'S' || i as customer_id,
    if(draw(i, 'new address') < 0.15, 'new.' || email, email) as email,
    if(draw(i, 'shop phone') < 0.5, '+4930' || number, null) as phone,
    first_name, 'DE' as country_code,
    seen_at + interval 30 day as created_at, false as is_deleted
from people where draw(i, 'shop') < 0.7;
create table conformed.int_leads__unioned as
select
    'crm' as source_system, 'generic' as id_namespace, 'D' || i as lead_id, email,
    if(draw(i, 'lead phone') < 0.3, '+49 30' || number, null) as phone,
    seen_at - interval 10 day as created_at, false as is_deleted,
    if(draw(i, 'converted') < 0.4, 'C' || i, null) as converted_contact_id
from people where draw(i, 'lead') < 0.25;
create table conformed.int_identity__mentions as
with values_of_events as (
    select 'customer_id' as identifier_kind, 'generic' as id_namespace, 'S' || i as identifier_value, i from people
    where draw(i, 'orders') < 0.8
    union all
    select 'contact_id', 'generic', 'C' || i, i from people where draw(i, 'calls') < 0.5
    union all
    select 'email', '', if(draw(i, 'guest') < 0.5, 'guest.' || email, email), i from people
    where draw(i, 'guests') < 0.4
    union all
    select 'phone', '', '+49 30 ' || number, min(i) from people where draw(i, 'caller') < 0.15 group by number
)
select
    identifier_kind, id_namespace, identifier_value,
    if(identifier_kind = 'phone', null, 'ecommerce') as source_system,
    if(identifier_kind = 'phone', null, 'orders') as source_table,
    if(identifier_kind = 'phone', null, identifier_kind || i) as event_id,
    if(identifier_kind = 'phone', null, 'generic') as event_namespace,
    if(identifier_kind = 'phone', null, timestamp '2021-03-01' + to_seconds((hash(i, 'event') % 100000000)::bigint))
        as occurred_at
from values_of_events;
create table conformed.int_identity__judged_pairs as
select
    'crm' as left_source_system, 'contacts' as left_source_table, 'C' || i as left_source_id,
    'ecommerce' as right_source_system, 'customers' as right_source_table, 'S' || (i + 1) as right_source_id,
    if(i % 2 = 0, 'same', 'different') as verdict, 'decision' as rule, date '2024-01-01' as since_date
from people where draw(i, 'judged') < 0.002;
drop table people;
"""
# New and corrected records in every table, merges, deletes, first events; 1 % of records and of mentions.
DAY = """
update conformed.int_contacts__unioned set email = 'corrected.' || contact_id || '@mail.example'
where hash(contact_id, $day) % 1000 < 3;
update conformed.int_contacts__unioned set is_deleted = true, merged_into_contact_id = contact_id || '0'
where hash(contact_id, $day) % 1000 = 3;
update conformed.int_customers__unioned set phone = '+4940' || (4000000 + hash(customer_id) % 5000000)::varchar
where hash(customer_id, $day) % 1000 < 5;
insert into conformed.int_customers__unioned by name
select * replace (customer_id || 'n' || $day as customer_id, created_at + interval 900 day as created_at)
from conformed.int_customers__unioned where hash(customer_id, $day) % 1000 between 100 and 109;
update conformed.int_leads__unioned set email = upper(email) where hash(lead_id, $day) % 1000 < 10;
update conformed.int_identity__mentions set occurred_at = occurred_at - interval 1 hour
where hash(identifier_value, $day) % 1000 < 3;
insert into conformed.int_identity__mentions by name
select * replace ('new' || $day || identifier_value as identifier_value, 'new' || $day || event_id as event_id)
from conformed.int_identity__mentions
where identifier_kind <> 'phone' and hash(identifier_value, $day) % 1000 between 100 and 106;
"""


def prepare(home: Path, records: int) -> None:
    settings = load_settings(home, {"CXW_SOURCES": "ecommerce"})
    people = str(int(records / RECORDS_PER_PERSON))
    DuckDBWarehouse(settings.warehouse_path, settings).execute(PEOPLE.replace("$people", people))


def change(home: Path, day: int) -> None:
    settings = load_settings(home, {"CXW_SOURCES": "ecommerce"})
    DuckDBWarehouse(settings.warehouse_path, settings).execute(DAY.replace("$day", str(day)))


def resolve(home: Path) -> None:
    look_rarely()  # as in `cxw`
    settings = load_settings(home, {"CXW_SOURCES": "ecommerce"})
    warehouse = DuckDBWarehouse(settings.warehouse_path, settings)
    judged = warehouse.table("conformed", "int_identity__judged_pairs")
    started = time.perf_counter()
    with Ledger(settings.ledger_path) as ledger:
        counts = identity_incremental.refresh(settings, ledger, warehouse, "bench", home / "nothing", judged)
    seconds, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    sys.stdout.write(f"{seconds:.2f} s, {used.ru_utime + used.ru_stime:.2f} s of processor with start-up, ")
    sys.stdout.write(f"peak {used.ru_maxrss / 1024**2:.2f} GiB; {counts}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", nargs="?", type=int, default=1_000_000)
    parser.add_argument("step", nargs="?", help="run one step in this process", default="all")
    parser.add_argument("--home", type=Path, help="folder of a step")
    parser.add_argument("--day", type=int, default=1, help="which rows a change picks")
    chosen = parser.parse_args()
    steps = {"prepare": lambda: prepare(chosen.home, chosen.records), "resolve": lambda: resolve(chosen.home)}
    steps |= {"change": lambda: change(chosen.home, chosen.day), "all": lambda: measure(chosen.records)}
    steps[chosen.step]()


def measure(records: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _step(records, folder, "prepare")
        _step(records, folder, "resolve", "everything")
        for day in DAYS:
            _step(records, folder, "change", day=day)
            _step(records, folder, "resolve", "a day")
        # The same tables as if everything had been looked at.
        home = Path(folder)
        settings = load_settings(home, {"CXW_SOURCES": "ecommerce"})
        warehouse = DuckDBWarehouse(settings.warehouse_path, settings)
        warehouse.execute("create schema by_day")
        tables = (*identity_state.OUTPUT, "retired_customer_keys")
        for name in tables:
            warehouse.execute(f"create table by_day.{name} as from identity_output.{name}")
        warehouse.execute("drop schema identity_state cascade")
        sys.stdout.write("everything again: ")
        resolve(home)
        with warehouse.connect() as connection:
            for name in tables:
                sides = (f"by_day.{name}", f"identity_output.{name}")
                for left, right in (sides, sides[::-1]):
                    query = f"select count(*) from (from {left} except all from {right})"
                    if connection.execute(query).fetchone() != (0,):
                        sys.exit(f"{name} differs after the days")
        sys.stdout.write("the days and the full run made the same tables\n")


def _step(records: int, folder: str, step: str, what: str = "", day: int = 1) -> None:
    if what:
        sys.stdout.write(f"{what}: ")
        sys.stdout.flush()
    command = [sys.executable, __file__, str(records), step, "--home", folder, "--day", str(day)]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
