"""`cxw identity train` and `review`: training the matcher, and the list of pairs that a person decides.

Lives here: their options. Does not live here: the other commands (`cli.py`, `cli_records.py`), what they do
(`identity_matching.py`, `identity_review.py`).
"""

from __future__ import annotations

from pathlib import Path

import click

from orchestration.cli_records import home_settings, identity


@identity.command()
def train() -> None:
    """Train the matcher on the records of the newest build.

    The next `cxw run` builds with the new model. Without this command the first build that needs a model trains one,
    and every later build uses it.
    """
    from orchestration.operations import train_identity

    click.echo(train_identity(home_settings(), click.echo))


@identity.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write, CSV.")
@click.option("--show-values", is_flag=True, help="Print the pairs with the values of this machine: personal data.")
def review(out: Path | None, show_values: bool) -> None:
    """Pairs that are neither one person nor two, for a person to decide.

    Fill `decision` with same or different and deliver the file as
    landing/identity/decisions/<anything>_<YYYY-MM-DD>.csv: answers win over every rule.
    """
    from orchestration import identity_review

    settings = home_settings()
    rows = identity_review.review_rows(settings)
    if out:
        click.echo(f"wrote {identity_review.write_review(settings, out)} pairs to {out}")
    elif not show_values:
        for row in rows:
            sides = (" ".join(str(row[name]) for name in side) for side in _SIDES)
            click.echo(f"{' | '.join(sides)} | {identity_review.agreement(row)}")
        click.echo(f"{len(rows)} pairs; --out FILE writes them to be answered")
    if show_values:
        for agreement, left, right in identity_review.local_values(settings, rows):
            click.echo(agreement)
            for values in (left, right):
                click.echo("    " + " | ".join(values))


_SIDES = tuple(
    tuple(f"{side}_{name}" for name in ("source_system", "source_table", "source_id")) for side in ("left", "right")
)
