"""One person, one customer: which records belong together, and to whom an event belongs.

Lives here: the deterministic rule. A customer is named by its group: the smallest `<table>:<id>` of its records, or
`guest:<kind>:<value>` when no record carries the identifier. Does not live here: hashed keys.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping

import phonenumbers

from orchestration.settings import Settings

from .tables import Row

RECORD_TABLES = {
    "crm.contacts": ("contact_id", "contact_id"),
    "crm.leads": ("lead_id", "lead_id"),
    "ecommerce.customers": ("customer_id", "customer_id"),
}
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
Node = tuple[str, ...]


def normal_email(value: object) -> str | None:
    """Trimmed, NFKC, casefolded; None unless it has the form x@y.z."""
    if value is None:
        return None
    text = unicodedata.normalize("NFKC", str(value).strip()).casefold()
    return text if _EMAIL.fullmatch(text) else None


def normal_phone(value: object, region: object) -> str | None:
    """E.164, or None when it cannot be parsed; a number without a country code needs a region."""
    if value is None:
        return None
    try:
        number = phonenumbers.parse(str(value), str(region).strip().upper() if region else None)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def given_name(value: object) -> str | None:
    """First word of a first name, casefolded; an initial names nobody."""
    words = str(value or "").split()
    word = words[0].casefold() if words else ""
    return word if len(word.rstrip(".")) > 1 else None


class Golden:
    """Groups of records, and the rule by which an event row finds its group."""

    def __init__(self, rows: Mapping[str, list[Row]], settings: Settings) -> None:
        self._settings = settings
        self._parent: dict[Node, Node] = {}
        self._carriers: dict[Node, list[Node]] = defaultdict(list)  # e-mail or phone -> records that carry it
        self._given: dict[Node, str | None] = {}
        self._mark: dict[Node, str | None] = {}  # given name, or lacking one the e-mail
        self._namers: dict[Node, list[tuple[str, Node]]] = defaultdict(list)  # contact id -> columns and who names it
        self._alone: set[Node] = set()
        self.records: list[Node] = []
        for table, (id_column, _) in RECORD_TABLES.items():
            for row in rows.get(table, []):
                record = (table, str(row[id_column]))
                self.records.append(record)
                if row["is_deleted"] and not row.get("merged_into_contact_id"):
                    self._alone.add(self._id_node(record))
        for table, (id_column, _) in RECORD_TABLES.items():
            for row in rows.get(table, []):
                self._read(table, str(row[id_column]), row)
        self._link_named()
        self._guarded = {value for value in self._carriers if self._is_shared(value)}
        for value, records in self._carriers.items():
            if value not in self._guarded:
                self._link_carriers(value, records)
        self._names = self._group_names()

    def is_alone(self, table: str, record_id: str) -> bool:
        """Deleted without a merge target: it is published only when an event names it."""
        return self._id_node((table, record_id)) in self._alone

    @staticmethod
    def _id_node(record: Node) -> Node:
        return (RECORD_TABLES[record[0]][1], record[1])

    def _find(self, node: Node) -> Node:
        while (parent := self._parent.setdefault(node, node)) != node:
            node = parent
        return node

    def _link(self, left: Node, right: Node) -> None:
        self._parent[self._find(left)] = self._find(right)

    def _read(self, table: str, record_id: str, row: Row) -> None:
        """Take one record's evidence."""
        node = self._id_node((table, record_id))
        self._find(node)
        if node in self._alone:
            return
        for column in ("merged_into_contact_id", "contact_id", "converted_contact_id"):
            other = ("contact_id", str(row[column])) if row.get(column) else node
            if other not in self._alone and other != node:
                self._namers[other].append((column, node))
        if row.get("loyalty_id"):
            self._carriers["loyalty_id", str(row["loyalty_id"])].append(node)
        email = normal_email(row["email"])
        phone = normal_phone(row["phone"], row.get("country_code") or self._settings.phone_region)
        self._given[node] = given_name(row.get("first_name"))
        self._mark[node] = self._given[node] or email
        for kind, value in (("email", email), ("phone", phone)):
            if value:
                self._carriers[kind, value].append(node)

    def _link_named(self) -> None:
        """Targets that exist link whoever names them; an absent one that too many people name is a placeholder."""
        present = {self._id_node(record) for record in self.records}
        for target, namers in self._namers.items():
            is_placeholder = any(
                self._is_crowd([node for column, node in namers if column == wanted], self._mark)
                for wanted in {column for column, _ in namers}
            )
            for _, node in namers:
                if target in present or not is_placeholder:
                    self._link(node, target)

    def _is_shared(self, value: Node) -> bool:
        return self._is_crowd(self._carriers[value], self._given)

    def _is_crowd(self, carriers: list[Node], names: Mapping[Node, str | None]) -> bool:
        """On more records of one table than the setting, under more than two given names."""
        by_table: dict[str, list[Node]] = defaultdict(list)
        for node in carriers:
            by_table[node[0]].append(node)
        limit = self._settings.max_records_per_identifier
        return any(
            len(nodes) > limit and len({names[node] for node in nodes} - {None}) > 2 for nodes in by_table.values()
        )

    def _link_carriers(self, value: Node, nodes: list[Node]) -> None:
        names = {self._given[node] for node in nodes} - {None}
        is_household = value[0] == "phone" and len(names) >= 2
        for node in nodes:
            if not is_household:
                self._link(node, value)
            elif self._given[node] is not None:
                self._link(node, (*value, str(self._given[node])))

    def _group_names(self) -> dict[Node, str]:
        names: dict[Node, str] = {}
        for record in sorted(self.records, reverse=True):
            names[self._find(self._id_node(record))] = ":".join(record)
        return names

    def group_of_record(self, table: str, record_id: object) -> str:
        return self._names[self._find(self._id_node((table, str(record_id))))]

    def attach(self, row: Row) -> str | None:
        """Group of an event row by its own identifiers, the first usable one deciding; None = nothing usable."""
        for kind in ("customer_id", "contact_id"):
            if row.get(kind):
                return self._group_of((kind, str(row[kind])))
        email = normal_email(row.get("email") or row.get("customer_email"))
        if email and ("email", email) not in self._guarded:
            carriers = self._carriers.get(("email", email))
            return self._group_of(carriers[0] if carriers else ("email", email))
        phone = normal_phone(row.get("customer_phone"), self._settings.phone_region)
        if phone and ("phone", phone) not in self._guarded:
            groups = {self._group_of(node) for node in self._carriers.get(("phone", phone), [])}
            if len(groups) == 1:
                return groups.pop()
        return None

    def _group_of(self, node: Node) -> str:
        if node in self._parent:
            root = self._find(node)
            if root in self._names:
                return self._names[root]
        return "guest:" + ":".join(node)

    def groups(self) -> dict[tuple[str, str], str]:
        """(table, id) of every record -> its group."""
        return {(table, record_id): self.group_of_record(table, record_id) for table, record_id in self.records}
