"""Companies above companies: who stands at the top of each account, and where its subsidiaries are.

Lives here: walking the parents that accounts name, whatever is wrong with them. Does not live here: what an account is
worth (dbt marts), whose account a customer is (`int_customers__survivors`).

An unknown parent is none. Accounts that name each other in a circle are cut open at the smallest id, which becomes the
top: every account is in exactly one tree, and sums over the tops are sums over everything. The trees are told as a
tour: numbers in the order in which one walks down them, so that an account and all below it are one range of numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

Account = tuple[str, str]  # namespace, id


def hierarchy(accounts: pa.Table) -> pa.Table:
    """One row per account: its parent as walked, its top, its level, and the range of the tour that is its tree.

    Args:
        accounts: `int_accounts__unioned`; of two rows with one id, the smaller parent speaks.
    """
    import pyarrow as pa

    columns = (accounts.column(name).to_pylist() for name in ("id_namespace", "account_id", "parent_account_id"))
    named: dict[Account, str] = {}
    for namespace, account_id, parent_id in zip(*columns, strict=True):
        stated = parent_id if parent_id and parent_id.strip() else ""
        known = named.get((namespace, account_id), "")
        named[namespace, account_id] = min(filter(None, (known, stated)), default="")
    ids = sorted(named)
    place = {account: number for number, account in enumerate(ids)}
    stated_parents = [place.get((account[0], named[account]), -1) for account in ids]
    parents, in_cycle = without_cycles(stated_parents)
    tops, levels, first, last = tour(parents)
    return pa.table(
        {
            "id_namespace": pa.array([namespace for namespace, _ in ids], pa.string()),
            "account_id": pa.array([account_id for _, account_id in ids], pa.string()),
            "parent_account_id": pa.array([ids[parent][1] if parent >= 0 else None for parent in parents], pa.string()),
            "top_account_id": pa.array([ids[top][1] for top in tops], pa.string()),
            "account_level": pa.array(levels, pa.int64()),
            "first_tour_number": pa.array(first, pa.int64()),
            "last_tour_number": pa.array(last, pa.int64()),
            "is_parent_unknown": pa.array(
                [bool(named[account]) and stated_parents[number] < 0 for number, account in enumerate(ids)], pa.bool_()
            ),
            "is_in_parent_cycle": pa.array(in_cycle, pa.bool_()),
        }
    )


def without_cycles(parents: list[int]) -> tuple[list[int], list[bool]]:
    """Parents (-1 = none) with every circle cut at its smallest member, and who was in a circle."""
    cut, in_cycle = list(parents), [False] * len(parents)
    walk_of = [-1] * len(parents)  # the walk that passed here first
    for start in range(len(parents)):
        here = start
        while here >= 0 and walk_of[here] < 0:
            walk_of[here] = start
            here = parents[here]
        if here >= 0 and walk_of[here] == start:  # this walk met itself
            circle = [here]
            while (following := parents[circle[-1]]) != here:
                circle.append(following)
            cut[min(circle)] = -1
            for member in circle:
                in_cycle[member] = True
    return cut, in_cycle


def tour(parents: list[int]) -> tuple[list[int], list[int], list[int], list[int]]:
    """Of parents without circles: top, level, own number in the tour, and the last number below, by account."""
    size = len(parents)
    children: list[list[int]] = [[] for _ in range(size)]
    waiting = []
    for account in reversed(range(size)):  # so that the smallest is on top of the pile
        (children[parents[account]] if parents[account] >= 0 else waiting).append(account)
    tops, levels, first, order = [0] * size, [0] * size, [0] * size, []
    while waiting:
        account = waiting.pop()
        parent = parents[account]
        tops[account] = account if parent < 0 else tops[parent]
        levels[account] = 0 if parent < 0 else levels[parent] + 1
        order.append(account)
        first[account] = len(order)
        waiting += children[account]
    last = list(first)
    for account in reversed(order):  # below before above
        if parents[account] >= 0:
            last[parents[account]] = max(last[parents[account]], last[account])
    return tops, levels, first, last
