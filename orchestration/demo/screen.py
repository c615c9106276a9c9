"""The demo's last screen: five families of numbers, what is real, what is generated, and what to do next.

Lives here: reading the published file and laying out the screen. Does not live here: what a number means (the doc
blocks of the marts; every query only sums the published parts and divides once).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.settings import Settings

if TYPE_CHECKING:
    import duckdb
    from rich.console import Console

REAL, MIXED, GENERATED = "real", "real sales, generated marketing", "generated"

# family, what it says in words, unit, where from, SQL giving one number
NUMBERS = (
    ("Customer value", "customers with at least one order that counts", "count", REAL,
     "select count(*) from marts.mart_customer_value__customer"),
    ("Customer value", "net revenue per customer to date (historical CLV)", "money", REAL,
     "select sum(net_revenue_amount) / count(*) from marts.mart_customer_value__customer"),
    ("Customer value", "net revenue within 365 days of the December 2010 cohort, per customer", "money", REAL,
     "select sum(cumulative_net_revenue_amount) / sum(cohort_customer_count)"
     " from marts.mart_customer_value__cohort_month"
     " where cohort_month = date '2010-12-01' and days_since_acquisition = 365"),
    ("Customer value", "average order value", "money", REAL,
     "select sum(ordered_revenue_amount) / sum(order_count) from marts.mart_customer_value__customer"),
    ("Retention", "customers who ordered at least twice", "rate", REAL,
     "select count(*) filter (where order_count >= 2) / count(*) from marts.mart_customer_value__customer"),
    ("Retention", "kept from the start to the end of November 2011 (set form, 90 days)", "rate", REAL,
     "select customer_retention_rate from marts.mart_retention__month where month = date '2011-11-01'"),
    ("Acquisition cost", "fully loaded CAC, 2011", "money", MIXED,
     "select sum(sales_and_marketing_cost_amount) / sum(new_customer_count) from marts.mart_acquisition__month"
     " where month >= date '2011-01-01'"),
    ("Acquisition cost", "marketing efficiency ratio, 2011 (net revenue ÷ cost)", "ratio", MIXED,
     "select sum(net_revenue_amount) / sum(sales_and_marketing_cost_amount) from marts.mart_acquisition__month"
     " where month >= date '2011-01-01'"),
    ("Conversion", "leads that became customers within 90 days", "rate", MIXED,
     "select sum(conversion_rate_cohort_90d * lead_count) / sum(lead_count)"
     " from marts.mart_conversion__channel_month where is_final_90d"),
    ("Conversion", "sessions that ended in an order", "rate", GENERATED,
     "select sum(session_conversion_rate * session_count) / sum(session_count)"
     " from marts.mart_conversion__channel_month where session_count > 0"),
    ("Contact center", "calls, chats and mails answered within 20 seconds", "rate", GENERATED,
     "select sum(answered_within_threshold_count)"
     " / sum(offered_interaction_count - abandoned_within_threshold_count) from marts.mart_service__queue_day"),
)  # fmt: skip
PREDICTED = "margin expected per customer in the next 12 months (predicted CLV)"
PREDICTION = """
    select
        (select avg(customer_lifetime_value_predicted_12m) from marts.mart_customer_value__customer),
        bool_and(is_published_grade),
        string_agg(distinct grade, ', ' order by grade) filter (grade <> 'published')
    from meta.clv_parameters
"""
CHANNELS = """
    select
        marketing_channel,
        sum(media_spend_amount),
        sum(attributed_new_customer_count),
        sum(media_spend_amount) / nullif(sum(attributed_new_customer_count), 0),
        sum(attributed_net_revenue_amount) / nullif(sum(media_spend_amount), 0)
    from marts.mart_acquisition__channel_month
    where attribution_model = 'first_touch'
    group by marketing_channel
    order by 2 desc nulls last, marketing_channel
"""


def show(console: Console, settings: Settings) -> None:
    """Print the screen from the published snapshot; rich tables on a terminal, plain lines elsewhere."""
    from rich.table import Table

    from orchestration.query import connect_published

    with connect_published(settings) as connection:
        numbers = Table(title="What the snapshot says", title_justify="left", header_style="bold", expand=False)
        for column in ("family", "number", "value", "made of"):
            numbers.add_column(column, justify="right" if column == "value" else "left")
        family_before = ""
        for family, words, unit, origin, sql in NUMBERS:
            value = _spelled(connection.execute(sql).fetchone()[0], unit, settings)
            if family != family_before == "Customer value":
                numbers.add_row("", PREDICTED, _prediction(connection, settings), REAL)
            numbers.add_row(family if family != family_before else "", words, value, origin)
            family_before = family
        console.print(numbers)
        console.print(_channels(connection, settings))
    for line in _next_steps(settings):
        console.print(line, highlight=False)


def _prediction(connection: duckdb.DuckDBPyConnection, settings: Settings) -> str:
    """The prediction if the backtest of this run bears it out, else what the backtest said."""
    value, is_published, grades = connection.execute(PREDICTION).fetchone()
    if is_published:
        return f"{_spelled(value, 'money', settings)}, published grade"
    return f"not of published grade: {(grades or 'not fitted').replace('_', ' ')}"


def _channels(connection: duckdb.DuckDBPyConnection, settings: Settings) -> object:
    from rich.table import Table

    table = Table(title="Channel CPA, first touch (generated marketing)", title_justify="left", header_style="bold")
    table.add_column("channel")
    for column in ("media spend", "new customers", "cost per acquisition", "return on ad spend"):
        table.add_column(column, justify="right")
    for channel, spend, customers, cost, roas in connection.execute(CHANNELS).fetchall():
        cells = [_spelled(spend, "money", settings), _spelled(customers, "count", settings)]
        table.add_row(channel, *cells, _spelled(cost, "money", settings), _spelled(roas, "ratio", settings))
    return table


def _spelled(value: float | None, unit: str, settings: Settings) -> str:
    if value is None:
        return "not known"
    spelled = {"count": f"{value:,.0f}", "rate": f"{value:.1%}", "ratio": f"{value:.2f}", "money": f"{value:,.2f}"}[
        unit
    ]
    return f"{spelled} {settings.reporting_currency}" if unit == "money" else spelled


def _next_steps(settings: Settings) -> list[str]:
    invented = ", ".join(settings.generated_sources)
    file = settings.published / "current" / "cxw.duckdb"
    return [
        "",
        "Real: every order, line and cancellation (UCI Online Retail, Chen, D., CC BY 4.0), 2010-12-01 to 2011-12-09.",
        f"Generated, and marked so in every table: {invented}; names and addresses of web accounts.",
        "",
        f"The file that BI tools open, read-only:  {file}",
        "Ask it something:      cxw query \"from marts.mart_kpis__month where kpi_id = 'average_order_value'\"",
        "Watch it in Dagster:   cxw ui",
        'Your own extracts:     CXW_HOME=my-company cxw init, then README, "Your own extracts in five steps"',
    ]
