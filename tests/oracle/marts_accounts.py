"""What companies are worth, by themselves and with every company below them.

Lives here: `mart_customer_value__account`, by the company's own id instead of its key.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from .arithmetic import ratio, total
from .facts import Facts, net_revenue
from .marts_acquisition import lead_of_opportunity
from .marts_conversion import person_of_opportunity, won_amount
from .marts_orders import Rows
from .service import Service
from .survivors import Survivors

UNASSIGNED = "unassigned"


def account_values(facts: Facts, service: Service, survivors: Survivors) -> Rows:
    """One row per company with something in it or below it, and one for everybody without a company."""
    found: dict[str, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for order in facts.counted_orders:
        found[survivors.account_of(order.customer)]["orders"].append(order)
    for refund in facts.refunds:
        found[survivors.account_of(refund.customer)]["refunds"].append(refund)
    for interaction in service.interactions:
        found[survivors.account_of(interaction.customer)]["contacts"].append(interaction)
    leads = {str(row["lead_id"]): row for row in facts.table("crm.leads")}
    for row in facts.table("crm.opportunities"):
        named = str(row["account_id"] or "")
        person = person_of_opportunity(facts, row, lead_of_opportunity(row, leads))
        account = named if named in survivors.accounts else survivors.account_of(person)
        found[account]["opportunities"].append(row)
    for group in facts.customers:
        found[survivors.account_of(group)]["customers"].append(group)
    for (table, record_id), group in facts.golden.groups().items():
        account = survivors.account_of(group)
        is_new = group not in facts.customers and group not in found[account]["prospects"]
        if is_new and not facts.golden.is_alone(table, record_id):
            found[account]["prospects"].append(group)

    rows: Rows = {}
    for account_id in [*survivors.accounts, UNASSIGNED]:
        account = survivors.accounts.get(account_id)
        own = found[account_id]
        below = [other.account_id for other in survivors.accounts.values() if account in other.line] or [account_id]
        tree = {kind: [thing for other in below for thing in found[other][kind]] for kind in _KINDS}
        if any(tree.values()):
            rows[account_id,] = {
                **_cells(facts, own),
                **{f"{name}_with_children": value for name, value in _cells(facts, tree).items()},
                "account_level": len(account.line) - 1 if account else 0,
                "is_top": account is None or account.parent is None,
                "average_order_value": ratio(
                    total(order.ordered for order in own["orders"]),
                    sum(order.ordered is not None for order in own["orders"]),
                ),
            }
    for name in ("prospect_count", "prospect_count_with_children"):
        rows.get((UNASSIGNED,), {}).pop(name, None)  # guests of every kind of event are among them
    return rows


_KINDS = ("orders", "refunds", "contacts", "opportunities", "customers", "prospects")


def _cells(facts: Facts, things: dict[str, list]) -> dict[str, Any]:
    orders, refunds = things["orders"], things["refunds"]
    won = [won_amount(facts, row) for row in things["opportunities"] if row["is_won"]]
    return {
        "customer_count": len(things["customers"]),
        "prospect_count": len(things["prospects"]),
        "order_count": len(orders),
        "known_amount_order_count": sum(order.ordered is not None for order in orders),
        "refund_count": len(refunds),
        "known_amount_refund_count": sum(refund.amount is not None for refund in refunds),
        "contact_count": len(things["contacts"]),
        "opportunity_count": len(things["opportunities"]),
        "won_opportunity_count": len(won),
        "known_amount_opportunity_count": sum(amount is not None for amount in won),
        "ordered_revenue_amount": total(order.ordered for order in orders),
        "refund_amount": total(refund.amount for refund in refunds),
        "net_revenue_amount": net_revenue(orders, refunds),
        "won_amount": total(won),
    }
