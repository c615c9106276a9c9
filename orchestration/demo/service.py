"""Invented service: agents, cases after orders, their interactions, and surveys."""

from __future__ import annotations

import numpy as np
import pandas as pd

from orchestration.demo.shop import Shop, delivered

REASONS = ("delivery", "damaged_item", "invoice", "product_question", "return")
QUEUES = {"voice": "orders_phone", "email": "orders_mail", "chat": "orders_chat"}


def agents(shop: Shop) -> pd.DataFrame:
    rows = [
        {"agent_id": f"AG{n:02d}", "valid_from": shop.days[0], "team": f"team_{n % 3 + 1}", "role": "agent",
         "hourly_cost_amount": 14.0 + n % 5, "currency_code": "GBP", "extract_date": shop.days[0]}
        for n in range(18)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def service(shop: Shop, people: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cases after orders and their interactions: queueing, talking, some abandoned, some coming back within days."""
    buyers = shop.orders.merge(people[["customer_id", "email", "phone"]], on="customer_id", how="left")
    chosen = buyers[rng.random(len(buyers)) < 0.22].reset_index(drop=True)
    size = len(chosen)
    opened = chosen["ordered_at"] + pd.to_timedelta(rng.exponential(4, size), "D")
    opened = opened.dt.normalize() + pd.to_timedelta(rng.integers(8 * 3600, 18 * 3600, size), "s")
    reason = rng.choice(REASONS, size, p=(0.38, 0.17, 0.13, 0.20, 0.12))
    case_id = np.array([f"C{n:05d}" for n in range(size)])
    resolved = opened + pd.to_timedelta(rng.exponential(1.4, size), "D")
    first_case = pd.DataFrame(
        {
            "case_id": case_id,
            "customer_email": chosen["email"],
            "contact_reason": reason,
            "priority": rng.choice(["normal", "high"], size, p=(0.85, 0.15)),
            "status": "open",
            "opened_at": opened,
            "first_responded_at": pd.NaT,
            "resolved_at": pd.NaT,
            "reopened_count": 0,
            "updated_at": opened,
        }
    )
    done = rng.random(size) < 0.9
    responded = opened + pd.to_timedelta(rng.exponential(2.5, size), "h")
    last_case = first_case.assign(
        status="resolved", first_responded_at=responded, resolved_at=resolved, updated_at=resolved
    )
    cases = pd.concat([first_case, last_case[done]], ignore_index=True)

    contacts = 1 + rng.poisson(0.45, size)
    index = np.repeat(np.arange(size), contacts)
    turn = np.concatenate([np.arange(count) for count in contacts]) if size else np.array([], dtype=int)
    count = len(index)
    channel = rng.choice(list(QUEUES), count, p=(0.55, 0.30, 0.15))
    started = opened.to_numpy()[index] + pd.to_timedelta(turn * rng.exponential(2.5, count), "D")
    queue_seconds = np.where(channel == "email", 0, rng.exponential(28, count)).astype(int)
    abandoned = (channel != "email") & (rng.random(count) < 1 - np.exp(-queue_seconds / 260))
    known = ~abandoned
    talk = np.where(known, rng.gamma(2.2, 110, count), 0).astype(int)
    hold = np.where(known & (rng.random(count) < 0.2), rng.exponential(55, count), 0).astype(int)
    wrap = np.where(known, rng.gamma(2, 25, count), 0).astype(int)
    started = pd.Series(started)
    answered = (started + pd.to_timedelta(queue_seconds, "s")).where(known)
    ended = started + pd.to_timedelta(queue_seconds + talk + hold, "s")
    interactions = pd.DataFrame(
        {
            "interaction_id": [f"I{n:06d}" for n in range(count)],
            "case_id": case_id[index],
            "channel": channel,
            "direction": "inbound",
            "customer_email": chosen["email"].to_numpy()[index],
            "customer_phone": chosen["phone"].to_numpy()[index],
            "queue": [QUEUES[name] for name in channel],
            "contact_reason": reason[index],
            "agent_id": np.where(known, [f"AG{n:02d}" for n in rng.integers(0, 18, count)], None),
            "started_at": started,
            "answered_at": answered,
            "ended_at": ended,
            "queue_seconds": queue_seconds,
            "talk_seconds": talk,
            "hold_seconds": hold,
            "after_contact_work_seconds": wrap,
            "transfer_count": np.where(known & (rng.random(count) < 0.09), 1, 0),
            "is_abandoned": abandoned,
            "updated_at": ended,
        }
    )
    return delivered(cases, "updated_at"), delivered(interactions, "updated_at")


def surveys(shop: Shop, people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """People asked after an order; fewer than half answer, under the same id and some days later."""
    asked = shop.orders[shop.orders["is_sale"]].merge(people[["customer_id", "email"]], on="customer_id", how="inner")
    asked = asked[rng.random(len(asked)) < 0.25].reset_index(drop=True)
    size = len(asked)
    kind = rng.choice(["nps", "csat", "ces"], size, p=(0.5, 0.3, 0.2))
    low, high = np.where(kind == "nps", 0, 1), np.select([kind == "nps", kind == "csat"], [10, 5], 7)
    liking = np.clip(rng.normal(0.72, 0.22, size), 0, 1)
    sent = asked["ordered_at"] + pd.Timedelta(days=3)
    question = pd.DataFrame(
        {
            "response_id": [f"R{n:05d}" for n in range(size)],
            "survey_type": kind,
            "score": pd.array([None] * size, dtype="Int64"),
            "scale_min": low,
            "scale_max": high,
            "direction": "high_is_good",
            "email": asked["email"],
            "touchpoint": np.where(kind == "nps", None, "after_order"),
            "responded_at": pd.NaT,
            "sent_at": sent,
        }
    )
    answers = rng.random(size) < 0.42
    score = pd.array(np.round(low + liking * (high - low)).astype(int), dtype="Int64")
    responded = sent + pd.to_timedelta(rng.exponential(2, size), "D")
    answer = question.assign(score=score, responded_at=responded)[answers]
    rows = pd.concat([question.assign(moment=sent), answer.assign(moment=answer["responded_at"])], ignore_index=True)
    return delivered(rows, "moment").drop(columns="moment")
