"""Values that name nobody in particular: the shared-value guard, placeholders for ids, households behind one phone.

Lives here: which records a value may link, given who carries it. Does not live here: what carries which value
(`identity_evidence.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.identity_values import by_distinct, codes, column, distinct, given_names


@dataclass(frozen=True)
class SharedValue:
    """One value under the guard: the records that carry it, and their given names (of the table with most)."""

    kind: str
    carriers: np.ndarray
    given_name_count: int


class Guard:
    """The shared-value guard: more than `limit` records of one table that carry more than two given names."""

    def __init__(self, records: pa.Table, limit: int, email: np.ndarray, email_count: int) -> None:
        self.limit = limit
        (self.names,), self.name_count = codes(by_distinct(column(records, "first_name"), given_names))
        table = pc.binary_join_element_wise(column(records, "source_system"), column(records, "source_table"), "\x1f")
        (self.tables,), self.table_count = codes(table)
        # Leads have no given names: where a name is missing, an address tells people apart.
        self.marks = np.where(self.names >= 0, self.names, np.where(email >= 0, email + self.name_count, -1))
        self.mark_count = self.name_count + email_count

    def apply(
        self, kind: str, size: int, carried: np.ndarray, mentioned: np.ndarray
    ) -> tuple[tuple[np.ndarray, np.ndarray], list[SharedValue]]:
        """Both columns of value numbers without the shared values, and those values."""
        is_shared, found = self._shared(kind, size, carried, self.names, self.name_count)
        return (np.where(is_shared[carried], -1, carried), np.where(is_shared[mentioned], -1, mentioned)), found

    def without_placeholders(
        self, kind: str, size: int, own: np.ndarray, named: np.ndarray
    ) -> tuple[np.ndarray, list[SharedValue]]:
        """Ids that records name, without those that no record has and too many different people name (0, n/a).

        What names a record that exists is the source's own word, however many say it.
        """
        is_absent = np.ones(size + 1, dtype=bool)
        is_absent[own] = False  # of no id (-1) too
        is_absent[-1] = False
        is_shared, found = self._shared(kind, size, np.where(is_absent[named], named, -1), self.marks, self.mark_count)
        return np.where(is_shared[named], -1, named), found

    def _shared(
        self, kind: str, size: int, carried: np.ndarray, names: np.ndarray, name_count: int
    ) -> tuple[np.ndarray, list[SharedValue]]:
        """By value whether it is shared (one entry more, so that value -1 is not), and the shared ones."""
        rows = np.flatnonzero(carried >= 0)
        place = carried[rows] * self.table_count + self.tables[rows]
        is_crowded = np.bincount(place, minlength=size * self.table_count) > self.limit
        crowd = is_crowded[place] & (names[rows] >= 0)
        pairs = distinct(place[crowd] * name_count + names[rows][crowd])
        places, name_counts = np.unique(pairs // max(name_count, 1), return_counts=True)
        shared: dict[int, int] = {}
        for place_number, count in zip(places[name_counts > 2], name_counts[name_counts > 2], strict=True):
            value = int(place_number) // self.table_count
            shared[value] = max(int(count), shared.get(value, 0))
        is_shared = np.zeros(size + 1, dtype=bool)
        is_shared[list(shared)] = True
        carriers = np.flatnonzero(is_shared[carried])
        carriers = carriers[np.argsort(carried[carriers], kind="stable")]
        values, firsts = np.unique(carried[carriers], return_index=True)
        groups = np.split(carriers, firsts[1:])
        return is_shared, [
            SharedValue(kind, rows, shared[int(value)]) for value, rows in zip(values, groups, strict=False)
        ]


def by_household(phone: np.ndarray, size: int, names: np.ndarray, name_count: int) -> tuple[np.ndarray, int]:
    """One number per set of records that a phone links: all of them, or, behind several given names, each name's."""
    width = name_count + 1
    has_name = (phone >= 0) & (names >= 0)
    pairs = distinct(phone[has_name] * width + names[has_name])
    is_household = np.zeros(size + 1, dtype=bool)
    is_household[:size] = np.bincount(pairs // width, minlength=size) > 1
    # Only people of a household need numbers of their own; whoever is behind one name keeps that of the phone.
    is_split = is_household[phone] & has_name
    different, number = np.unique(phone[is_split] * width + names[is_split], return_inverse=True)
    answer = np.where(is_household[phone], -1, phone)
    answer[is_split] = number.reshape(-1) + size
    return answer, size + len(different)
