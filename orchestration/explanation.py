"""Why a customer is one customer: its records, what links them, and what it would be without each link.

Lives here: reading that out of the published snapshot, by key, retired key or source id; on request the values, from
the private build. Does not live here: making links (`identity_links.py`), drawing (`cli_identity.py`).

A link is taken away as correcting a wrong value would do it: the record no longer carries the evidence, everything else
stays as it is. Guards and decisions are not judged anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from orchestration.errors import CxwError
from orchestration.query import connect_published
from orchestration.settings import Settings

if TYPE_CHECKING:
    import duckdb

_KEY_HISTORY = "select new_customer_key, since_snapshot_id from core.customer_key_history where old_customer_key = ?"
_RECORDS = """
    select source_system, source_table, source_id, match_rule, evidence_kind
    from core.customer_identities where customer_key = ? order by all
"""
_LINKS = """
    select source_system, source_table, source_id, evidence_kind, evidence_key, match_rule, is_target, is_guarded,
        is_cut, since_date, first_seen_at
    from core.customer_links where customer_key = ?
    order by evidence_key, is_target desc, first_seen_at, source_system, source_table, source_id
"""
_NAMED = """
    select distinct customer_key, source_system || '.' || source_table || '.' || source_id as record
    from core.customer_identities
    where source_id = $name or source_system || '.' || source_table || '.' || source_id = $name
    order by all
"""
_VALUES = {
    "contacts": """
        select source_system, contact_id, email, phone, first_name, last_name, loyalty_id
        from conformed.int_contacts__unioned where contact_id in (select unnest($ids)) or contact_id like '%@%'
        order by all
    """,
    "leads": """
        select source_system, lead_id, email, phone, null, null, null
        from conformed.int_leads__unioned where lead_id in (select unnest($ids)) or lead_id like '%@%'
        order by all
    """,
    "customers": """
        select source_system, customer_id, email, phone, first_name, last_name, null
        from conformed.int_customers__unioned where customer_id in (select unnest($ids)) or customer_id like '%@%'
        order by all
    """,
}
VALUE_COLUMNS = ("email", "phone", "first_name", "last_name", "loyalty_id")
Member = tuple[str, str, str]  # source system, table, id; of a record, or of an event, which links nobody


@dataclass(frozen=True)
class Part:
    """A customer that would be left: the key that it would have, and its records and events."""

    customer_key: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Link:
    """One member and one piece of evidence.

    `without` holds the customers that would be; one of them means that nothing changes, none that there is no question:
    a record cannot be without its own id, a guarded value links nobody, an event attaches and does not link.
    """

    member: str
    evidence_kind: str
    evidence_key: str
    match_rule: str
    since_date: date | None
    is_target: bool
    is_guarded: bool
    is_cut: bool
    without: tuple[Part, ...]


@dataclass(frozen=True)
class Explanation:
    """One customer. `asked_key` is the retired key that was asked for, or empty."""

    customer_key: str
    asked_key: str
    asked_key_until: str
    records: tuple[dict[str, str], ...]
    links: tuple[Link, ...]
    retired_keys: tuple[tuple[str, str], ...]


def candidates(settings: Settings, wanted: str) -> list[tuple[str, str]]:
    """Customer keys that `wanted` can mean, each with the record that is named; several for an id of several sources.

    Args:
        wanted: a customer key, one that is retired, `<source_system>.<source_table>.<id>` or a bare id.
    """
    with connect_published(settings) as connection:
        if connection.execute(_RECORDS, [wanted]).fetchall() or _ask(connection, _KEY_HISTORY, [wanted]):
            return [(wanted, "")]
        return [(key, record) for key, record in connection.execute(_NAMED, {"name": wanted}).fetchall()]


def explain(settings: Settings, wanted: str) -> Explanation:
    """The customer that a key, a retired key or an id means.

    Raises:
        CxwError: E-EXP-001 when it means nobody, E-EXP-002 when it means several, E-EXP-003 for a snapshot that keeps
            no links.
    """
    found = candidates(settings, wanted)
    if not found:
        message = "no published customer has that key, and no record or guest that id"
        raise CxwError("E-EXP-001", message, next_command='cxw query "from core.customer_identities"')
    if len({key for key, _ in found}) > 1:
        message = f"{len(found)} records of different customers have that id; write <source_system>.<source_table>.<id>"
        raise CxwError("E-EXP-002", message, next_command="cxw explain customer <source_system>.<source_table>.<id>")
    key, asked, until = found[0][0], "", ""
    with connect_published(settings) as connection:
        if told := _ask(connection, _KEY_HISTORY, [key]):
            asked, (key, until) = key, told[0]
        rows = _ask(connection, _LINKS, [key])
        records = connection.execute(_RECORDS, [key]).fetchall()
        retired = _ask(
            connection,
            "select old_customer_key, since_snapshot_id from core.customer_key_history"
            " where new_customer_key = ? order by all",
            [key],
        )
    names = ("source_system", "source_table", "source_id", "match_rule", "evidence_kind")
    return Explanation(
        customer_key=key,
        asked_key=asked,
        asked_key_until=until,
        records=tuple(dict(zip(names, row, strict=True)) for row in records),
        links=links_of(rows),
        retired_keys=tuple(retired),
    )


def _ask(connection: duckdb.DuckDBPyConnection, sql: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
    import duckdb

    try:
        return connection.execute(sql, values).fetchall()
    except duckdb.CatalogException:
        message = "the published snapshot was made by a version that kept no links"
        raise CxwError("E-EXP-003", message, next_command="cxw run") from None


def links_of(rows: Sequence[tuple[Any, ...]]) -> tuple[Link, ...]:
    """Links of one customer with what it would be without each.

    Args:
        rows: of `core.customer_links`, all of one customer, columns as `_LINKS` selects them.
    """
    linking = [row for row in rows if not row[7]]
    seen_at = {row[:3]: row[10] for row in linking}
    graph: dict[Any, list[Any]] = {}
    for row in linking:
        graph.setdefault(row[:3], []).append(row[4])
        graph.setdefault(row[4], []).append(row[:3])
    walk = _Walk(graph)
    links = []
    for row in rows:
        has_question = row[1] in _VALUES and not row[6] and not row[7]
        sides = walk.sides(row[:3], row[4]) if has_question else []
        parts = [[each for each in side if each in seen_at] for side in sides]
        without = sorted((_part(part, seen_at) for part in parts if part), key=lambda part: part[0])
        links.append(Link(name_of(row[:3]), row[3], row[4], row[5], row[9], *row[6:9], tuple(p for _, p in without)))
    return tuple(links)


def name_of(member: Member) -> str:
    """A record or event as a person writes it: `crm.contacts.C-1`."""
    return ".".join(member)


def _part(members: list[Member], seen_at: dict[Member, datetime]) -> tuple[tuple[datetime, Member], Part]:
    """A customer of these members, after the age of its oldest."""
    by_age = sorted((seen_at[member] or datetime.max, member) for member in members)
    text = "|".join(f"{len(part)}:{part}" for part in by_age[0][1])
    key = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return by_age[0], Part(key, tuple(name_of(member) for _, member in by_age))


class _Walk:
    """One walk through members and evidence, which tells of every link what lies behind it (bridges, in one pass)."""

    def __init__(self, graph: dict[Any, list[Any]]) -> None:
        self.order: list[Any] = []
        self.place: dict[Any, int] = {}
        self.above: dict[Any, Any] = {}
        for start in graph:
            if start not in self.place:
                self._visit(graph, start)
        self.size = dict.fromkeys(self.order, 1)
        self.lowest = {each: self.place[each] for each in self.order}
        for each in reversed(self.order):
            over = self.above[each]
            for other in graph[each]:
                if other != over and self.above[other] != each:
                    self.lowest[each] = min(self.lowest[each], self.place[other])
            if over is not None:
                self.size[over] += self.size[each]
                self.lowest[over] = min(self.lowest[over], self.lowest[each])

    def _visit(self, graph: dict[Any, list[Any]], start: Any) -> None:
        """Depth first, without recursion: a customer may have thousands of records."""
        self.place[start], self.above[start] = len(self.order), None
        self.order.append(start)
        waiting = [(start, iter(graph[start]))]
        while waiting:
            each, others = waiting[-1]
            for other in others:
                if other not in self.place:
                    self.place[other], self.above[other] = len(self.order), each
                    self.order.append(other)
                    waiting.append((other, iter(graph[other])))
                    break
            else:
                waiting.pop()

    def sides(self, member: Any, evidence: Any) -> list[list[Any]]:
        """What is left on both sides when this link goes; everything together when another way leads round it."""
        below = member if self.above[member] == evidence else evidence
        first, last = self.place[below], self.place[below] + self.size[below]
        is_bridge = self.above[below] in (member, evidence) and self.lowest[below] >= first
        return [self.order[first:last], self.order[:first] + self.order[last:]] if is_bridge else [self.order]


def values_of(settings: Settings, explanation: Explanation) -> list[tuple[str, ...]]:
    """E-mail, phone, names and loyalty id of the customer's records, from the private build on this machine.

    Records are named as published: an id that is an address stays hidden (`identity_ids.py`).

    Raises:
        CxwError: E-EXP-004 when there is no build, or a cycle is writing it.
    """
    import duckdb
    import pyarrow as pa

    from orchestration.identity_ids import opaque_ids
    from orchestration.ledger import Ledger

    next_command = "cxw rebuild, or once more when the cycle is over"
    if not settings.warehouse_path.exists():
        raise CxwError("E-EXP-004", "the private build is not there", next_command=next_command)
    try:
        connection = duckdb.connect(str(settings.warehouse_path), read_only=True)
    except duckdb.Error:
        raise CxwError("E-EXP-004", "the private build is in use", next_command=next_command) from None
    with Ledger(settings.ledger_path) as ledger:
        secret = ledger.secret("record ids")
    found: list[tuple[str, ...]] = []
    try:
        for table, sql in _VALUES.items():
            wanted = {(r["source_system"], r["source_id"]) for r in explanation.records if r["source_table"] == table}
            rows = connection.execute(sql, {"ids": sorted({name for _, name in wanted})}).fetchall()
            shown = opaque_ids(pa.array([row[1] for row in rows], pa.string()), secret).to_pylist()
            for (system, _, *values), name in zip(rows, shown, strict=True):
                if (system, name) in wanted:
                    found.append((name_of((system, table, name)), *(value or "" for value in values)))
    finally:
        connection.close()
    return found
