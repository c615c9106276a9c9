"""How well people are found, on labelled sets and generated ones: `make bench-identity` writes the page of the docs.

`--timing N` also measures the probabilistic rule on N generated records: training, all records with the stored model,
a day on which one record in a hundred changed. `--no-write` prints only. The truth never reaches a matcher; nothing is
tuned per set.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(Path(__file__).parent)]
from labelled_people import SETS, Quality, labelled, quality  # noqa: E402
from people import RECYCLED_PHONE, SHARED_MAILBOX, SHARED_PHONE, People, people  # noqa: E402

from orchestration import identity, matching, matching_training  # noqa: E402
from orchestration.settings import Settings  # noqa: E402

PAGE = ROOT / "docs" / "identity_quality.md"
GENERATED = 20_000
MENTIONS = ("identifier_kind", "id_namespace", "identifier_value", "source_system", "source_table", "event_id")
MENTIONS += ("event_namespace",)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    rule: str
    people: str
    records: int
    reached: Quality
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timing", type=int, default=0, help="records to measure time and memory on")
    parser.add_argument("--no-write", action="store_true")
    arguments = parser.parse_args()
    settings = Settings(home=Path(tempfile.mkdtemp()), has_probabilistic_matching=True)
    rows = [_labelled(name, settings) for name in SETS]
    known = people(GENERATED)
    rows += _generated(known, settings)
    timing = _timing(arguments.timing, settings) if arguments.timing else ""
    text = _page(rows, known, settings) + timing
    sys.stdout.write(text)
    if not arguments.no_write:
        PAGE.write_text(text, encoding="utf-8")


def _labelled(name: str, settings: Settings) -> Row:
    known = labelled(name)
    started = time.perf_counter()
    model = matching_training.train(known.records, settings, "")
    found = matching.match(known.records, model, settings)
    clusters = matching.clusters(known.records, found.judged)
    return Row("probabilistic", name, len(known.truth), quality(clusters, known.truth), time.perf_counter() - started)


def _generated(known: People, settings: Settings) -> list[Row]:
    tables = {"contacts": known.contacts, "leads": known.leads, "customers": known.customers}
    truth, rows = known.person.tolist(), []
    judged = None
    for rule in ("deterministic", "both"):
        started = time.perf_counter()
        if rule == "both":
            records = matching.matchable_records(**tables)
            model = matching_training.train(records, settings, "")
            judged = matching.match(records, model, settings).judged
            alone = quality(matching.clusters(records, judged), truth)
            rows.append(Row("probabilistic", "generated people", len(truth), alone, time.perf_counter() - started))
        reached = quality(_keys(tables, settings, judged), truth)
        rows.append(Row(rule, "generated people", len(truth), reached, time.perf_counter() - started))
    return rows


def _keys(tables: dict[str, pa.Table], settings: Settings, judged: pa.Table | None) -> list[str]:
    """Customer key of each record, in the order contacts, leads, customers."""
    text = pa.string()
    nothing = pa.table({**{name: pa.array([], text) for name in MENTIONS}, "seen_at": pa.array([], pa.timestamp("us"))})
    nothing = nothing.append_column("occurred_at", pa.array([], pa.timestamp("us")))
    found = identity.resolve(**tables, mentions=nothing, settings=settings, judged_pairs=judged).customer_identities
    by_record = {
        (table, record): key
        for table, record, key in zip(
            *(found.column(name).to_pylist() for name in ("source_table", "source_id", "customer_key")), strict=True
        )
    }
    ids = {"contacts": "contact_id", "leads": "lead_id", "customers": "customer_id"}
    return [by_record[name, own] for name, table in tables.items() for own in table.column(ids[name]).to_pylist()]


def _visible_recall(known: People, settings: Settings) -> float:
    """Deterministic recall over pairs of one person that undamaged identifiers of that person connect."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = len(known.person)
    rows, nodes, first = [], [], size
    for values in known.evidence.values():
        carried = np.flatnonzero(values > 0)
        own = np.unique(np.stack([known.person[carried], values[carried]]), axis=1, return_inverse=True)[1].reshape(-1)
        rows.append(carried)
        nodes.append(own + first)
        first += int(own.max(initial=-1)) + 1
    edges = (np.concatenate(rows), np.concatenate(nodes))
    graph = coo_array((np.ones(len(edges[0]), dtype=np.int8), edges), shape=(first, first))
    visible = connected_components(graph.tocsr(), directed=False)[1][:size].tolist()
    tables = {"contacts": known.contacts, "leads": known.leads, "customers": known.customers}
    keys = _keys(tables, settings, None)

    def pairs(counts: Counter) -> int:
        return sum(n * (n - 1) // 2 for n in counts.values())

    return pairs(Counter(zip(visible, keys, strict=True))) / pairs(Counter(visible))


def _timing(count: int, settings: Settings) -> str:
    known = people(count)
    records = matching.matchable_records(known.contacts, known.leads, known.customers)
    truth = known.person.tolist()
    del known
    lines = ["", "## Time and memory", "", f"`python tests/bench/identity_quality.py --timing {count}`, two threads,"]
    lines += ["`memory_limit` 2GB; the process holds the generated records and the truth besides.", ""]
    lines += ["| step | wall s | processor s | candidate pairs | kept pairs |", "|---|---|---|---|---|"]
    state = settings.matching_state_path
    started, busy = time.perf_counter(), time.process_time()

    def lap(step: str, pairs: int, kept: int) -> float:
        nonlocal started, busy
        wall, used = time.perf_counter() - started, time.process_time() - busy
        lines.append(f"| {step} | {wall:.1f} | {used:.1f} | {pairs:,} | {kept:,} |")
        started, busy = time.perf_counter(), time.process_time()
        return wall

    model = matching_training.train(records, settings, "")
    lap("training", model.pair_count, 0)
    found = matching.match(records, model, settings, state)
    full = lap(f"all {len(records):,} records, stored model", found.candidate_pairs, found.scored_pairs)
    changed = _one_in_a_hundred_changed(records)
    started, busy = time.perf_counter(), time.process_time()
    updated = matching.match(changed, model, settings, state)
    day = lap("a day: 1 % changed", updated.candidate_pairs, updated.scored_pairs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    again = matching.match(changed, model, settings)
    order = [(name, "ascending") for name in matching.PAIR_IDS]
    is_same = all(
        table.sort_by(order) == other.sort_by(order)
        for table, other in ((updated.judged, again.judged), (updated.review, again.review))
    )
    reached = quality(matching.clusters(records, found.judged), truth)
    lines += ["", f"A day costs {day / full:.0%} of all; its result {'equals' if is_same else 'DIFFERS FROM'} that of"]
    lines += [f"scoring everything again. Peak memory of the process {peak:.2f} GiB, load of the machine"]
    lines += [f"{os.getloadavg()[1]:.1f} on {os.cpu_count()} processors. Pairs of all records: precision"]
    lines += [f"{reached.precision:.4f}, recall {reached.recall:.4f}."]
    return "\n".join(lines) + "\n"


def _one_in_a_hundred_changed(records: pa.Table) -> pa.Table:
    """Every hundredth record has another town and one character more in its surname."""
    numbers = np.arange(len(records))
    is_changed = pa.array(numbers % 100 == 7)
    import pyarrow.compute as pc

    for name, ending in (("last_name", "x"), ("city", "by")):
        values = records.column(name)
        other = pc.binary_join_element_wise(values, ending, "")
        records = records.set_column(records.column_names.index(name), name, pc.if_else(is_changed, other, values))
    return records


def _page(rows: list[Row], known: People, settings: Settings) -> str:
    table = []
    for row in rows:
        r = row.reached
        figures = (r.precision, r.recall, r.f1, r.cluster_precision, r.cluster_recall, r.cluster_f1)
        cells = [row.rule, row.people, f"{row.records:,}", *(f"{figure:.4f}" for figure in figures)]
        table.append(f"| {' | '.join(cells)} |")
    crowded = people(GENERATED, shared_phone=3 * SHARED_PHONE)
    tables = {"contacts": crowded.contacts, "leads": crowded.leads, "customers": crowded.customers}
    filled = {
        "table": "\n".join(table),
        "visible": f"{_visible_recall(known, settings):.4f}",
        "mailbox": f"{SHARED_MAILBOX:.1%}",
        "phone": f"{SHARED_PHONE:.0%}",
        "crowded_phone": f"{3 * SHARED_PHONE:.0%}",
        "crowded": f"{quality(_keys(tables, settings, None), crowded.person.tolist()).precision:.4f}",
        "recycled": f"{RECYCLED_PHONE:.1%}",
    }
    return _TEXT.format(**filled)


_TEXT = """# How well people are found

Made by `make bench-identity` (`tests/bench/identity_quality.py`). Pairs: over all pairs of records that the final
clusters imply. Clusters: those that hold exactly the records of one person. The truth never reaches the rules;
thresholds, training and comparisons are the shipped defaults for every set.

| rule | people | records | precision | recall | F1 | cluster precision | cluster recall | cluster F1 |
|---|---|---|---|---|---|---|---|---|
{table}

`fake_1000` and Febrl are published sets of invented people (`tests/identity_sets/README.md`). The generated people
(`tests/bench/people.py`) are known to a CRM, its leads and a shop: typos in 3 % of all values, 10 to 40 % of them
missing, of e-mails 6 % in the CRM and none in forms and shop, which let nobody through without one; half of the leads
whose person is a contact name that contact; one in three lives with somebody else of the same surname, of these {phone}
share the other's phone and {mailbox} the mailbox; {recycled} of all have a number that was another's; 4 % change their
surname, 6 % move into a house that others left, 5 % take a new address; a shop's own address and tablet stand on 0.4 %
of its accounts; half of the second accounts are guests who leave an e-mail only.

The deterministic rule sees e-mails, phones and ids alone. Over the pairs of one person that undamaged identifiers
connect it finds {visible}; its recall in the table is over all pairs, those without any common identifier included. Its
precision stands and falls with what families share: a mailbox is one person to it, and so is a number while only one
given name is known behind it. With {crowded_phone} in place of {phone} sharing a phone it is {crowded}.

`both` is what a build with `has_probabilistic_matching` publishes: judged pairs join what the deterministic rule left
apart, and neither rule takes apart what the other joined.
"""


if __name__ == "__main__":
    main()
