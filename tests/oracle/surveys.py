"""What customers answered last.

Lives here: the latest promoter score of a customer. Does not live here: scores of touchpoints or months.
"""

from __future__ import annotations

from .facts import Facts
from .service import Service
from .tables import Row


def latest_promoter_scores(facts: Facts, service: Service) -> dict[str, int]:
    """Last scorable NPS answer per customer, flipped so that high is good."""
    latest: dict[str, tuple] = {}
    for row in facts.table("survey.responses"):
        score = _promoter_score(row)
        group = _person(row, facts, service)
        if score is not None and group is not None and row["responded_at"] is not None:
            rank = (row["responded_at"], str(row["response_id"]))
            if group not in latest or rank > latest[group][0]:
                latest[group] = (rank, score)
    return {group: score for group, (_, score) in latest.items()}


def _promoter_score(row: Row) -> int | None:
    low, high, score = row["scale_min"], row["scale_max"], row["score"]
    if row["survey_type"] != "nps" or (low, high) not in ((0, 10), (1, 10)) or score is None:
        return None
    if not low <= score <= high:
        return None
    return low + high - score if row["direction"] == "low_is_good" else score


def _person(row: Row, facts: Facts, service: Service) -> str | None:
    """By the answer's own identifiers, else by the order, else by the interaction that it names."""
    if group := facts.golden.attach(row):
        return group
    order = facts.order_by_id.get(str(row["order_id"]))
    if order and order.customer:
        return order.customer
    interaction = service.by_id.get(str(row["interaction_id"]))
    return interaction.customer if interaction else None
