"""Records as the matcher compares them: normal forms, term keys and block keys, in SQL over whole columns.

Lives here: what becomes of a delivered value before two are compared, and under which keys a record is looked up. Does
not live here: how alike two values are (`matching_comparisons.py`), which blocks are too large (`matching_pairs.py`).
The SQL runs on the matcher's own DuckDB, never in the warehouse: it need not be portable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

RECORD_ID = ("source_system", "source_table", "source_id")
# What a record may carry; whatever is absent is null, and a comparison that nobody can make is left out.
ATTRIBUTES = (
    *("first_name", "last_name", "email", "phone", "street_address", "postal_code", "city"),
    *("date_of_birth", "national_id"),
)
# Values whose frequency weighs an agreement: two Smiths say less than two Zwickauers.
TERM_COLUMNS = ("first_name", "last_name", "email", "phone", "birth", "street", "postal", "city", "national_id")

# Names, towns, streets and birthdays repeat: each different one is brought into its form once.
_NORMAL_SQL = """
with words as (
    select raw, nullif(trim(regexp_replace(strip_accents(lower(nfc_normalize(raw))), '[^\\p{L}\\p{N}]+', ' ', 'g')), '')
        as word
    from (
        select first_name as raw from {source} union select last_name from {source} union select city from {source}
        union select street_address from {source}
    )
    where raw is not null
),

lettered as materialized (
    select raw, word, array_to_string(list_sort(string_split(replace(word, ' ', ''), '')), '') as letters,
        nullif(regexp_extract(word, '(?:^|\\s)([0-9]+)', 1), '') as house_number,
        nullif(trim(regexp_replace(word, '(^|\\s)[0-9]\\S*', ' ', 'g')), '') as street
    from words
),

births as materialized (
    -- Year first, or day first with the year last; anything else with eight digits is taken as it stands.
    select
        raw,
        case
            when regexp_matches(raw, '^\\s*[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{4}\\s*$')
                then regexp_extract(raw, '[0-9]{4}') || lpad(regexp_extract(raw, '[./-]([0-9]{1,2})[./-]', 1), 2, '0')
                    || lpad(regexp_extract(raw, '([0-9]{1,2})[./-]', 1), 2, '0')
            else left(regexp_replace(raw, '[^0-9]', '', 'g'), 8)
        end as birth
    from (select distinct date_of_birth as raw from {source} where date_of_birth is not null)
),

clean as (
    select
        record,
        first_name,
        last_name,
        city,
        street_address,
        date_of_birth,
        nullif(regexp_replace(lower(nfc_normalize(email)), '\\s', '', 'g'), '') as email,
        nullif(regexp_replace(phone, '[^0-9]', '', 'g'), '') as digits,
        nullif(regexp_replace(lower(postal_code), '[^a-z0-9]', '', 'g'), '') as postal,
        nullif(ltrim(regexp_replace(lower(national_id), '[^a-z0-9]', '', 'g'), '0'), '') as national_id
    from {source}
)

select
    clean.record,
    first_names.word as first_name,
    first_names.letters as first_name_letters,
    last_names.word as last_name,
    last_names.letters as last_name_letters,
    clean.email,
    split_part(clean.email, '@', 1) as email_local,
    array_to_string(list_sort(string_split(clean.email, '')), '') as email_letters,
    -- The last nine digits: with or without country code and trunk prefix it is the same line.
    case when length(digits) >= 6 and length(replace(digits, digits[1], '')) > 0 then right(digits, 9) end as phone,
    streets.house_number,
    streets.street,
    clean.postal,
    cities.word as city,
    cities.letters as city_letters,
    case when length(births.birth) = 8 then births.birth end as birth,
    try_strptime(births.birth, '%Y%m%d')::date as birth_date,
    clean.national_id
from clean
left join lettered as first_names on first_names.raw = clean.first_name
left join lettered as last_names on last_names.raw = clean.last_name
left join lettered as cities on cities.raw = clean.city
left join lettered as streets on streets.raw = clean.street_address
left join births on births.raw = clean.date_of_birth
"""

# Every key is a way in which two records of one person meet although other values are damaged: no single typo may
# close all of them. The order is the order of trust; a key names its columns so that a review can be explained.
BLOCK_KEYS = {
    "national_id": "national_id",
    "email": "email",
    "phone": "phone",
    "email_local": "case when length(email_local) >= 4 then email_local end",
    "email_letters": "case when length(email) >= 8 then email_letters end",
    "birth_last_name": "birth || '|' || left(last_name, 2)",
    "birth_first_name": "birth || '|' || left(first_name, 2)",
    "birth_swapped": "birth || '|' || least(left(first_name, 1), left(last_name, 1))"
    " || greatest(left(first_name, 1), left(last_name, 1))",
    "birth_postal": "birth || '|' || postal",
    "birth_city": "birth || '|' || left(city, 3)",
    "birth": "birth",
    "full_name": "least(first_name, last_name) || '|' || greatest(first_name, last_name)",
    "name_month": "left(first_name, 3) || '|' || left(last_name, 3) || '|' || left(birth, 6)",
    "name_year": "left(first_name, 2) || '|' || left(last_name, 2) || '|' || left(birth, 4)",
    "first_letters_last": "first_name_letters || '|' || left(last_name, 1)",
    "last_letters_first": "last_name_letters || '|' || left(first_name, 1)",
    "postal_last_name": "postal || '|' || left(last_name, 3)",
    "postal_first_name": "postal || '|' || left(first_name, 3)",
    "postal_street": "postal || '|' || left(street, 5)",
    "street_house": "house_number || '|' || street",
    "last_name_city": "left(last_name, 4) || '|' || left(city, 4)",
    "first_name_city": "left(first_name, 4) || '|' || left(city, 4)",
    "last_name": "last_name",
}


def normalize(connection: duckdb.DuckDBPyConnection, source: str, target: str) -> None:
    """Table `target` of normal forms from `source`: `record` and the text columns `ATTRIBUTES`."""
    connection.execute(f"create or replace table {target} as " + _NORMAL_SQL.replace("{source}", source))
