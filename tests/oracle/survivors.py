"""What is known of a customer whose records say different things, and which company they belong to.

Lives here: the survivorship rule and the trees of companies. Does not live here: who is one customer (`golden.py`),
what companies are worth (`marts_accounts.py`).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from .facts import Facts
from .golden import RECORD_TABLES
from .in_force import rows_in_force
from .tables import Row
from .vocabulary import UNMAPPED

_SEEDS = Path(__file__).parents[2] / "dbt_project" / "seeds"
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(eq=False)
class Account:
    """A company in force. `parent` is the one above it in its tree, after circles were cut."""

    account_id: str
    stated_parent: str | None
    parent: Account | None = None
    is_in_cycle: bool = False
    below: list[Account] = field(default_factory=list)

    @property
    def line(self) -> list[Account]:
        """Itself and everything above it, up to the top."""
        return [self, *(self.parent.line if self.parent else [])]

    @property
    def cells(self) -> dict[str, Any]:
        """Its row of dim_accounts, by ids instead of keys."""
        return {
            "parent_account_key": self.parent.account_id if self.parent else None,
            "top_account_key": self.line[-1].account_id,
            "account_level": len(self.line) - 1,
            "is_in_parent_cycle": self.is_in_cycle,
        }


class Survivors:
    """The surviving values of every customer of whom a record says something."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.accounts = read_accounts(facts.table("crm.accounts"))
        self._countries = {code for (code,) in _seed("country_codes")}
        self._ranks = [tuple(row) for row in _seed("source_ranks")]
        self.by_group = self._read()

    def value(self, group: str | None, attribute: str) -> Any:
        return self.by_group.get(group or "", {}).get(attribute, (None, None))[0]

    def source(self, group: str | None, attribute: str) -> str | None:
        return self.by_group.get(group or "", {}).get(attribute, (None, None))[1]

    def person(self, group: str) -> dict[str, Any]:
        """What dim_customers says of a customer, the company by its id; nobody has a key for hashes here."""
        return {
            "country_code": self.value(group, "country_code"),
            "country_source": self.source(group, "country_code"),
            "has_marketing_consent": bool(self.value(group, "has_marketing_consent")),
            "marketing_consent_source": self.source(group, "has_marketing_consent"),
            "lead_marketing_channel": self.value(group, "lead_marketing_channel"),
            "account_key": self.value(group, "account_key"),
            "email_hash": None,
        }

    def account_of(self, group: str | None) -> str:
        return self.value(group, "account_key") or "unassigned"

    @cached_property
    def _everything(self) -> dict[str, list[Row]]:
        return rows_in_force(self._facts.company)

    def _read(self) -> dict[str, dict[str, tuple[Any, str]]]:
        """Group -> attribute -> (value, source that says so)."""
        said: dict[tuple[str, str], list[tuple]] = defaultdict(list)
        for table, (id_column, _) in RECORD_TABLES.items():
            source, entity = table.split(".")
            for row in self._everything.get(table, []):
                if row["is_deleted"] and not row.get("merged_into_contact_id"):
                    continue
                group = self._facts.golden.group_of_record(table, row[id_column])
                for attribute, value in self._said_by(row).items():
                    if value is not None:
                        age = _NEVER - (row["updated_at"] or _NEVER)
                        rank = self._rank(source, entity, attribute)
                        order = (rank, bool(row["is_deleted"]), age, source, entity, str(row[id_column]))
                        said[group, attribute].append((order, value, table))
        found: dict[str, dict[str, tuple[Any, str]]] = defaultdict(dict)
        for (group, attribute), sayings in said.items():
            _, value, table = min(sayings, key=lambda saying: saying[0])
            found[group][attribute] = (value, table)
        return found

    def _said_by(self, row: Row) -> dict[str, Any]:
        """Verified: present, and valid for what it is."""
        country = str(row.get("country_code") or "").strip().upper()
        channel = self._facts.vocabulary.channel(row.get("lead_source"))
        account = str(row.get("account_id") or "")
        return {
            "country_code": country if country in self._countries else None,
            "has_marketing_consent": row.get("accepts_marketing"),
            "lead_marketing_channel": None if channel == UNMAPPED else channel,
            "account_key": account if account in self.accounts else None,
        }

    def _rank(self, source: str, entity: str, attribute: str) -> float:
        """Of the seed's rows that fit, the one that names the system, else the table, else the attribute."""
        fitting = [
            ((not system, not table, not about), int(rank))
            for system, table, about, rank in self._ranks
            if system in ("", source) and table in ("", entity) and about in ("", attribute)
        ]
        return min(fitting)[1] if fitting else float("inf")


def _seed(name: str) -> list[list[str]]:
    with (_SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def read_accounts(rows: list[Row]) -> dict[str, Account]:
    """Companies in force by id, in trees: unknown parents are none, a circle is cut above its smallest id."""
    accounts = {str(row["account_id"]): Account(str(row["account_id"]), row["parent_account_id"]) for row in rows}

    def chain(account: Account) -> list[str]:
        """Ids above it as stated, until they end or repeat."""
        seen: list[str] = []
        above = account.stated_parent
        while above in accounts and above not in seen:
            seen.append(above)
            above = accounts[above].stated_parent
        return seen

    for account in accounts.values():
        ids = chain(account)
        account.is_in_cycle = account.account_id in ids
        is_cut = account.is_in_cycle and account.account_id == min(
            other for other in ids if account.account_id in chain(accounts[other])
        )
        if account.stated_parent in accounts and not is_cut:
            account.parent = accounts[account.stated_parent]
    for account in accounts.values():
        if account.parent:
            account.parent.below.append(account)
    return accounts
