"""One setting's value: from TOML or text to its type, checked, and back to text.

Lives here: parsing and printing of values, the words that a choice may take. Does not live here: which settings exist
(`settings.py`).
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestration.errors import CxwError

ATTRIBUTION_MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct_touch",
    "linear",
    "position_based",
    "time_decay",
    "markov",
)
ORDER_STATUSES = (
    "pending",
    "authorized",
    "paid",
    "shipped",
    "completed",
    "partially_refunded",
    "refunded",
    "cancelled",
    "failed",
    "unmapped",
)
TOUCH_KINDS = ("click", "impression", "email_open", "visit", "call", "store_visit", "self_reported")
ABANDON_POLICIES = ("ignore_in_threshold", "negative", "positive", "ignore_short", "answered_only")
SERVICE_CHANNELS = ("voice", "chat", "email", "messaging", "social", "self_service")


def parse_value(kind: Any, rules: Mapping[str, Any], value: Any, where: str) -> Any:
    """One setting, from TOML or text, to its declared type.

    Args:
        kind: the field's type; `rules`: its minimum, maximum, choices or check.

    Raises:
        CxwError: E-CFG-002 naming the place.
    """
    origin = typing.get_origin(kind)
    try:
        if origin is tuple:
            items = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
            if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
                raise ValueError("needs a list of names")
            parsed: Any = tuple(items)
        elif origin is not None and origin is not types.UnionType:
            parsed = _parse_per_channel(value)
        elif kind is bool:
            words = {"true": True, "false": False}
            if not isinstance(value, bool) and value not in words:
                raise ValueError("needs true or false")
            parsed = value if isinstance(value, bool) else words[value]
        elif kind is int:
            if isinstance(value, (bool, float)):
                raise ValueError("needs a whole number")
            parsed = int(value)
        elif kind is Decimal:
            parsed = Decimal(str(value))
            if not parsed.is_finite() or parsed < 0:
                raise ValueError("needs a number that is not negative")
            if parsed != round(parsed, 4):
                raise ValueError("needs at most four decimals")
        elif kind is date:
            parsed = value if isinstance(value, date) else date.fromisoformat(value)
        elif kind is Path:
            parsed = Path(value)
        else:
            if not isinstance(value, str):
                raise ValueError("needs text in quotes")
            parsed = value
        _check(rules, parsed)
    except (ValueError, TypeError, InvalidOperation, ZoneInfoNotFoundError) as error:
        raise CxwError("E-CFG-002", f"impossible value: {error}", where=where) from error
    return parsed


def _parse_per_channel(value: Any) -> dict[str, int]:
    pairs = dict(part.split("=", 1) for part in value.split(",")) if isinstance(value, str) else value
    if isinstance(pairs, int):
        pairs = {"default": pairs}
    numbers = {str(key).strip(): int(number) for key, number in pairs.items()}
    wrong = set(numbers) - {"default", *SERVICE_CHANNELS}
    if wrong:
        raise ValueError(f"{sorted(wrong)[0]} is not one of default, {', '.join(SERVICE_CHANNELS)}")
    if "default" not in numbers or min(numbers.values()) < 0:
        raise ValueError("needs a default, and no number below 0")
    return numbers


def _check(rules: Mapping[str, Any], value: Any) -> None:
    if "minimum" in rules and value < rules["minimum"]:
        raise ValueError(f"must be at least {rules['minimum']}")
    if "maximum" in rules and value > rules["maximum"]:
        raise ValueError(f"must be at most {rules['maximum']}")
    for item in value if isinstance(value, tuple) else (value,):
        if "choices" in rules and item not in rules["choices"]:
            near = difflib.get_close_matches(item, rules["choices"], n=1, cutoff=0.0)[0]
            raise ValueError(f"must be one of {', '.join(rules['choices'])}; nearest to what is there: {near}")
    if rules.get("check") == "zone":
        ZoneInfo(value)
    if rules.get("check") == "region" and value and not (len(value) == 2 and value.isascii() and value.isupper()):
        raise ValueError("must be two capital letters")
    if rules.get("check") == "currency" and not (len(value) == 3 and value.isascii() and value.isupper()):
        raise ValueError("must be three capital letters")


def to_text(value: Any) -> str:
    """A value as an environment variable spells it: `a,b` for lists, `default=20,voice=30` for per-channel maps."""
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, Mapping):
        return ",".join(f"{key}={number}" for key, number in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def to_toml(value: Any) -> str:
    """A value as `cxw.toml` spells it."""
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    if isinstance(value, bool):
        return to_text(value)
    if isinstance(value, (int, date)):
        return str(value)
    return f'"{value}"'
