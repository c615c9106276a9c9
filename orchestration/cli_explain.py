"""`cxw explain customer`, `cxw identity list`: who is who and why, and what a person should look at.

Lives here: their options, and an explanation as text. Does not live here: what is explained (`explanation.py`), what is
found (model `identity_findings`), other commands (`cli.py`, `cli_records.py`, `cli_identity.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestration.cli_records import home_settings, identity

if TYPE_CHECKING:
    from orchestration.explanation import Explanation, Link

# What people call a list, and the findings that are in it.
LISTS = {
    "shared": ("shared_identifier",),
    "households": ("household",),
    "conflicts": ("loyalty_conflict", "lead_conflict", "merge_cycle"),
    "orphans": ("orphan_target", "orphan_mention", "orphan_decision"),
    "large": ("large_customer",),
    "contradictions": ("contradiction",),
}
GROWN = "grown"
_COUNTS = """
    select finding_type, count(*) as findings from core.identity_findings group by finding_type
    union all
    select 'grown_customer', count(*) from meta.grown_customers semi join meta.snapshot using (snapshot_id)
    having count(*) > 0
    order by all
"""
_FINDINGS = "select * from core.identity_findings where list_contains(?, finding_type) order by all"
_GROWN = "select * from meta.grown_customers order by snapshot_id desc, customer_key"
_SHOWN_MEMBERS = 5


@click.group()
def explain() -> None:
    """Why something is as it is."""


@explain.command(name="customer")
@click.argument("key")
@click.option("--show-values", is_flag=True, help="With e-mails, phones and names, from the private build, here only.")
@click.option("--json", "is_json", is_flag=True, help="For a program; never with values.")
def explain_customer(key: str, show_values: bool, is_json: bool) -> None:
    """Records of a customer, what links them, what it would be without each link.

    KEY is a customer key, also one that is retired; <source_system>.<source_table>.<id>; or the id alone.
    """
    import dataclasses
    import json

    from orchestration import explanation, query, screens
    from orchestration.errors import CxwError

    settings = home_settings()
    if is_json and show_values:
        raise click.UsageError("values are for the terminal: --json goes without --show-values")
    try:
        found = explanation.explain(settings, key)
    except CxwError as error:
        if error.code == "E-EXP-002":
            screens.show_rows(("customer", "record"), explanation.candidates(settings, key))
        raise
    if is_json:
        click.echo(json.dumps(dataclasses.asdict(found), indent=1, default=query.plain))
        return
    _show(found)
    if show_values:
        click.echo("\nvalues of its records, from the private build:")
        screens.show_rows(("record", *explanation.VALUE_COLUMNS), explanation.values_of(settings, found))


def _show(found: Explanation) -> None:
    from orchestration import screens
    from orchestration.explanation import name_of

    if found.asked_key:
        click.echo(f"{found.asked_key} is retired since snapshot {found.asked_key_until}; the same person now:")
    click.echo(f"customer {found.customer_key}")
    names = ("source_system", "source_table", "source_id")
    rows = [[name_of(tuple(r[n] for n in names)), r["match_rule"], r["evidence_kind"]] for r in found.records]
    screens.show_rows(("record", "rule", "evidence"), rows)
    for old, since in found.retired_keys:
        click.echo(f"replaces {old} since snapshot {since}")
    if not found.links:
        click.echo("\nnothing links it: one record or guest that shares no usable value with another")
        return
    numbers: dict[str, int] = {}
    shown = []
    for link in found.links:
        number = numbers.setdefault(link.evidence_key, len(numbers) + 1)
        since = str(link.since_date or "")
        shown.append((f"{link.evidence_kind} {number}", link.member, link.match_rule, since, _without(found, link)))
    click.echo("")
    screens.show_rows(("evidence", "record", "rule", "since", "without it"), shown)


def _without(found: Explanation, link: Link) -> str:
    """What the customer would be, in words; the part that keeps the key is not repeated."""
    if link.is_guarded:
        return "shared by too many people: links nobody"
    if link.is_target:
        return "its own id"
    kept = " (a decision keeps other carriers apart)" if link.is_cut else ""
    if not link.without:
        return "an event, which attaches by it"
    if len(link.without) < 2:
        return "the same customer" + kept
    said = []
    for part in link.without:
        if part.customer_key != found.customer_key:
            names = ", ".join(part.members[:_SHOWN_MEMBERS])
            more = f" and {len(part.members) - _SHOWN_MEMBERS} more" if len(part.members) > _SHOWN_MEMBERS else ""
            said.append(f"{names}{more} would be {part.customer_key}")
    return "; ".join(said) + kept


@identity.command(name="list")
@click.argument("kind", type=click.Choice([*LISTS, GROWN]), required=False)
@click.option("--csv", "form", flag_value="csv", help="Comma-separated, all rows.")
@click.option("--json", "form", flag_value="json", help="One JSON object per line, all rows.")
@click.option("--limit", default=100, show_default=True, help="Rows of a printed table; 0 = all.")
def identity_list(kind: str | None, form: str | None, limit: int) -> None:
    """Findings of one kind; without KIND, how many there are of each.

    Records are named by their ids, values by a hash: core.identity_findings and meta.grown_customers, as published.
    """
    from orchestration import query, screens

    wanted = list(LISTS.get(kind, ())) if kind else []
    most = limit + 1 if limit and not form else None
    sql = (_FINDINGS if wanted else _GROWN) if kind else _COUNTS
    answer = query.ask(home_settings(), sql, [wanted] if wanted else [], limit=most)
    screens.show_answer(answer, form or "table", limit)
