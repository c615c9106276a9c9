"""How alike two records are: the levels of every comparison, and what is believed of them before any data.

Lives here: comparisons as Splink wants them, shipped beliefs about how often one person's records agree at each level.
Does not live here: normal forms (`matching_records.py`), learning from data (`matching_training.py`).

Values that say the same thing twice share one comparison (street, postal code and city are one place), because the
model adds the weights of its comparisons as if they were independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Level:
    """One degree of agreement: its condition on `<column>_l` and `<column>_r`, and how often matches are expected
    to be in it. `term`: the column whose frequency weighs the agreement."""

    name: str
    condition: str
    belief: float
    term: str = ""


@dataclass(frozen=True)
class Comparison:
    """Levels from most to least alike; the last one is everything else. `columns`: any present makes it worthwhile."""

    name: str
    columns: tuple[str, ...]
    missing: str
    levels: tuple[Level, ...]


def _edited(name: str) -> str:
    """One character added, lost or replaced, or two neighbours exchanged; what is cheap to ask is asked first."""
    return (
        f"(abs(length({name}_l) - length({name}_r)) <= 1 and jaro_winkler_similarity({name}_l, {name}_r) >= 0.75"
        f" and damerau_levenshtein({name}_l, {name}_r) <= 1)"
    )


def _name(own: str, other: str) -> Comparison:
    left, right = f"{own}_l", f"{own}_r"
    near = f"jaro_winkler_similarity({left}, {right}) >= 0.92 or {_edited(own)}"
    swapped = (
        f"jaro_winkler_similarity({left}, {other}_r) >= 0.9 and jaro_winkler_similarity({other}_l, {right}) >= 0.9"
    )
    alike = (
        f"jaro_winkler_similarity({left}, {right}) >= 0.8"
        f" or (least(length({left}), length({right})) >= 4 and abs(length({left}) - length({right})) <= 1"
        f" and levenshtein({own}_letters_l, {own}_letters_r) <= 1)"
        f" or starts_with({left}, {right}) or starts_with({right}, {left})"
    )
    return Comparison(
        own,
        (own,),
        f"{left} is null or {right} is null",
        (
            Level("equal", f"{left} = {right}", 0.75, own),
            Level("near", near, 0.12),
            Level("swapped", swapped, 0.03),
            Level("alike", alike, 0.05),
            Level("different", "else", 0.05),
        ),
    )


_EMAIL = Comparison(
    "email",
    ("email",),
    "email_l is null or email_r is null",
    (
        Level("equal", "email_l = email_r", 0.75, "email"),
        Level(
            "near",
            "jaro_winkler_similarity(email_letters_l, email_letters_r) >= 0.97"
            " or (jaro_winkler_similarity(email_l, email_r) >= 0.85 and levenshtein(email_l, email_r) <= 2)",
            0.08,
        ),
        Level("same_local_part", "length(email_local_l) >= 4 and email_local_l = email_local_r", 0.04),
        Level(
            "alike",
            "jaro_winkler_similarity(email_l, email_r) >= 0.9 or (jaro_winkler_similarity(email_l, email_r) >= 0.65"
            " and jaro_winkler_similarity(email_letters_l, email_letters_r) >= 0.94)",
            0.04,
        ),
        Level("different", "else", 0.09),
    ),
)
_PHONE = Comparison(
    "phone",
    ("phone",),
    "phone_l is null or phone_r is null",
    (
        Level("equal", "phone_l = phone_r", 0.75, "phone"),
        Level("near", _edited("phone"), 0.05),
        Level("different", "else", 0.2),
    ),
)
_MONTH_FIRST = "(left(birth_l, 4) = left(birth_r, 4) and birth_l[5:6] = birth_r[7:8] and birth_l[7:8] = birth_r[5:6])"
_BIRTH = Comparison(
    "date_of_birth",
    ("birth",),
    "birth_l is null or birth_r is null",
    (
        Level("equal", "birth_l = birth_r", 0.75, "birth"),
        Level(
            "one_digit",
            "hamming(birth_l, birth_r) <= 1"
            " or (hamming(birth_l, birth_r) = 2 and damerau_levenshtein(birth_l, birth_r) = 1)"
            f" or {_MONTH_FIRST}",
            0.12,
        ),
        Level("within_a_month", "abs(date_diff('day', birth_date_l, birth_date_r)) <= 31", 0.04),
        Level("two_digits", "hamming(birth_l, birth_r) <= 2", 0.04),
        Level("within_a_year", "abs(date_diff('day', birth_date_l, birth_date_r)) <= 366", 0.02),
        Level("different", "else", 0.03),
    ),
)
_CITY_NEAR = (
    "(jaro_winkler_similarity(city_l, city_r) >= 0.88 or (abs(length(city_l) - length(city_r)) <= 1"
    " and levenshtein(city_letters_l, city_letters_r) <= 1))"
)
_STREET_NEAR = "jaro_winkler_similarity(street_l, street_r) >= 0.88"
_PLACE = Comparison(
    "address",
    ("street", "postal", "city"),
    "not ((street_l is not null and street_r is not null) or (postal_l is not null and postal_r is not null)"
    " or (city_l is not null and city_r is not null))",
    (
        Level(
            "same_house",
            f"{_STREET_NEAR} and house_number_l = house_number_r"
            f" and (coalesce(postal_l = postal_r, false) or coalesce({_CITY_NEAR}, false))",
            0.45,
        ),
        Level(
            "same_street",
            f"{_STREET_NEAR} and (coalesce(postal_l = postal_r, false) or coalesce({_CITY_NEAR}, false))",
            0.13,
        ),
        Level("street_alone", "street_l = street_r", 0.03, "street"),
        Level("same_postal_code", f"postal_l = postal_r and {_CITY_NEAR}", 0.04, "postal"),
        Level("postal_code_alone", "postal_l = postal_r", 0.02, "postal"),
        Level("same_city", "city_l = city_r", 0.15, "city"),
        Level("city_near", f"{_CITY_NEAR} or {_STREET_NEAR}", 0.08),
        Level("different", "else", 0.1),
    ),
)
_NATIONAL_ID = Comparison(
    "national_id",
    ("national_id",),
    "national_id_l is null or national_id_r is null",
    (
        Level("equal", "national_id_l = national_id_r", 0.85, "national_id"),
        Level("near", _edited("national_id"), 0.08),
        Level("two_characters", "levenshtein(national_id_l, national_id_r) <= 2", 0.03),
        Level("different", "else", 0.04),
    ),
)
COMPARISONS = (
    _name("first_name", "last_name"),
    _name("last_name", "first_name"),
    _EMAIL,
    _PHONE,
    _BIRTH,
    _PLACE,
    _NATIONAL_ID,
)


def comparison_settings(comparison: Comparison, m: tuple[float, ...], u: tuple[float, ...]) -> dict[str, Any]:
    """One comparison with its probabilities, as Splink reads it."""
    levels: list[dict[str, Any]] = [
        {"sql_condition": comparison.missing, "label_for_charts": "missing", "is_null_level": True}
    ]
    for level, match, other in zip(comparison.levels, m, u, strict=True):
        entry: dict[str, Any] = {
            "sql_condition": "ELSE" if level.condition == "else" else level.condition,
            "label_for_charts": level.name,
            "m_probability": match,
            "u_probability": other,
        }
        if level.term:
            entry |= {
                "tf_adjustment_column": level.term,
                "tf_adjustment_weight": 1.0,
                "disable_tf_exact_match_detection": True,
            }
        levels.append(entry)
    return {"output_column_name": comparison.name, "comparison_levels": levels}
