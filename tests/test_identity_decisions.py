"""Human decisions: what `same` joins, what `different` separates, and what a cut leaves of the evidence."""

from __future__ import annotations

import random
from itertools import combinations

import pyarrow as pa
from effort import EFFORT
from hypothesis import given, settings
from hypothesis import strategies as st
from test_identity import OWN_ID, SETTINGS, Company, Resolved, companies

from orchestration.identity_decisions import PAIR
from orchestration.identity_evidence import EVIDENCE_KINDS

SYSTEM = {"contacts": "crm", "leads": "crm", "customers": "ecommerce"}
TABLE = {"C": "contacts", "D": "leads", "S": "customers"}
Pair = tuple[str, str, str, str]  # two source ids of a Company, verdict, rule


def judged(*pairs: Pair | tuple[str, str, str]) -> pa.Table:
    """Pairs of ids as `Company` gives them: their first letter says which table they are of."""
    rows = []
    for left, right, verdict, *rule in pairs:
        names = [name for one in (left, right) for name in (SYSTEM[TABLE[one[0]]], TABLE[one[0]], one)]
        rows.append(dict(zip(PAIR, names, strict=True)) | {"verdict": verdict, "rule": (rule or ["decision"])[0]})
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in (*PAIR, "verdict", "rule")]))


def ask(company: Company, *pairs: Pair | tuple[str, str, str]) -> Resolved:
    return company.resolve(judged_pairs=judged(*pairs))


def together(resolved: Resolved, left: str, right: str) -> bool:
    return any({left, right} <= group for group in resolved.groups())


def test_same_joins_two_records_that_share_nothing() -> None:
    company = Company().contact("C1", 1, email="a@x.example").shopper("S1", 2, email="b@x.example").contact("C2", 3)
    resolved = ask(company, ("S1", "C1", "same"), ("C2", "S1", "same", "probabilistic"))
    assert resolved.keys == {company.resolve().contact("C1")}, "the older key stays"
    rows = {row["source_id"]: row for row in resolved.result.customer_identities.to_pylist()}
    told = {name: (row["match_rule"], row["evidence_kind"]) for name, row in rows.items()}
    assert told == {"C1": ("decision",) * 2, "S1": ("decision",) * 2, "C2": ("probabilistic",) * 2}
    assert resolved.result.customers.to_pylist()[0]["evidence_kinds"] == "decision,probabilistic"


def test_different_separates_what_evidence_or_a_chain_of_links_joins() -> None:
    company = Company().contact("C1", 1, email="a@x.example").contact("C2", 2, email="a@x.example", loyalty_id="L")
    company.shopper("S1", 3, phone="+442079460101").contact("C3", 4, loyalty_id="L", phone="+442079460101")
    assert len(company.resolve().groups()) == 1
    apart = ask(company, ("C1", "C2", "different"))
    assert apart.groups() == {frozenset({"C1"}), frozenset({"C2", "C3", "S1"})}
    # A chain is cut at its weakest link: the phone goes before the e-mail, the e-mail before the loyalty id.
    chain = ask(company, ("C1", "S1", "different"))
    assert chain.groups() == {frozenset({"C1", "C2", "C3"}), frozenset({"S1"})}
    middle = ask(company, ("C1", "C3", "different"))
    assert middle.groups() == {frozenset({"C1"}), frozenset({"C2", "C3", "S1"})}


def test_a_value_on_both_sides_of_a_cut_leads_nowhere_and_the_next_identifier_decides() -> None:
    company = Company().contact("C1", 1, email="a@x.example").contact("C2", 2, email="a@x.example")
    company.shopper("S1", 3, phone="+442079460101", email="a@x.example")
    company.event("O1", email="a@x.example").event("O2", email="a@x.example", phone="+442079460101")
    resolved = ask(company, ("C1", "C2", "different"))
    assert resolved.groups() == {frozenset({"C1", "S1"}), frozenset({"C2"})}, "the third goes with the oldest"
    assert (resolved.attach("O1"), resolved.attach("O2")) == (None, resolved.contact("C1"))


def test_those_left_out_of_a_value_still_share_it_with_each_other() -> None:
    company = Company()
    for number in range(4):
        company.contact(f"C{number}", number, email="a@x.example")
    resolved = ask(company, ("C0", "C2", "different"), ("C0", "C3", "different"))
    assert resolved.groups() == {frozenset({"C0", "C1"}), frozenset({"C2", "C3"})}
    rules = {row["match_rule"] for row in resolved.result.customer_identities.to_pylist()}
    assert rules == {"deterministic"}


def test_an_id_stays_with_its_record_whoever_else_named_it() -> None:
    company = Company().contact("C1", 2).lead("D1", 1, contact_id="C1").lead("D2", 3, contact_id="C9")
    company.lead("D3", 4, contact_id="C9").event("I1", contact_id="C1").event("I2", contact_id="C9")
    resolved = ask(company, ("C1", "D1", "different"), ("D2", "D3", "different"))
    assert resolved.attach("I1") == resolved.contact("C1")
    assert resolved.attach("I2") is None, "no record has it, and two customers named it"


def test_one_id_of_two_sources_judged_different_leads_to_neither() -> None:
    company = Company().contact("C1", 1).contact("C1", 2, source_system="hub").event("I1", 3, contact_id="C1")
    assert len(company.resolve().keys) == 1
    pair = judged(("C1", "C1", "different")).set_column(0, PAIR[0], pa.array(["hub"]))
    resolved = company.resolve(judged_pairs=pair)
    assert len(resolved.keys) == 2
    assert resolved.attach("I1") is None


def test_a_decision_beats_both_rules_and_different_beats_a_chain_of_sames() -> None:
    company = Company().contact("C1", 1).contact("C2", 2).contact("C3", 3, email="a@x.example")
    company.contact("C4", 4, email="a@x.example")
    different = (("C2", "C1", "different"), ("C3", "C4", "different"))
    assert len(ask(company, ("C1", "C2", "same", "probabilistic"), *different).groups()) == 4
    chain = ask(company, ("C1", "C3", "same"), ("C2", "C3", "same"), *different[:1])
    assert chain.groups() == {frozenset({"C1", "C3", "C4"}), frozenset({"C2"})}
    weak = ask(company, ("C1", "C2", "different", "probabilistic"), ("C2", "C1", "same"))
    assert together(weak, "C1", "C2")


def test_a_decision_about_a_record_that_is_not_there_waits_for_it() -> None:
    company = Company().contact("C1", 1, email="a@x.example")
    pairs = (("C1", "C2", "different"), ("C1", "S1", "same"), ("C1", "C1", "different"), ("C1", "C1", "same"))
    assert ask(company, *pairs).groups() == {frozenset({"C1"})}
    company.contact("C2", 2, email="a@x.example").shopper("S1", 3)
    assert ask(company, *pairs).groups() == {frozenset({"C1", "S1"}), frozenset({"C2"})}


def test_a_deleted_record_links_by_no_decision() -> None:
    company = Company().contact("C1", 1).contact("C2", 2, is_deleted=True).event("I1", 3, contact_id="C2")
    assert ask(company, ("C1", "C2", "same")).groups() == {frozenset({"C1"}), frozenset({"C2"})}
    company.rows["contacts"][1]["merged_into_contact_id"] = "C8"
    assert together(ask(company, ("C1", "C2", "same")), "C1", "C2")


@st.composite
def judgements(draw: st.DrawFn) -> tuple[Company, list[Pair]]:
    company = draw(companies())
    ids = [row[OWN_ID[table]] for table in OWN_ID for row in company.rows[table]]
    one = st.sampled_from([*ids, "C77"])
    pairs = st.tuples(one, one, st.sampled_from(["same", "different", "different", ""]))
    rule = st.sampled_from(["decision", "decision", "probabilistic"])
    return company, [(*pair, draw(rule)) for pair in draw(st.lists(pairs, max_size=6))]


@given(judgements(), st.integers(0, 9))
@settings(max_examples=40 * EFFORT, deadline=None)
def test_neither_the_order_of_rows_nor_of_decisions_nor_their_sides_matter(
    found: tuple[Company, list[Pair]], seed: int
) -> None:
    company, pairs = found
    mixed = [(right, left, *rest) for left, right, *rest in random.Random(seed).sample(pairs, len(pairs))]
    assert ask(company, *pairs).sorted_tables() == ask(company.shuffled(seed), *mixed, *pairs).sorted_tables()


@given(judgements())
@settings(max_examples=60 * EFFORT, deadline=None)
def test_different_separates_same_joins_and_nobody_is_lost(found: tuple[Company, list[Pair]]) -> None:
    company, pairs = found
    plain, resolved = company.resolve(), ask(company, *pairs)
    verdicts = _verdicts(pairs)
    for (left, right), verdict in verdicts.items():
        assert verdict == "same" or left == right or not together(resolved, left, right)
    only_same = ask(company, *(pair for pair in pairs if pair[2] == "same" and _wins(pair, verdicts)))
    silent = {row["source_id"] for row in plain.result.customer_identities.to_pylist()}
    for group in plain.groups():  # `same` only ever joins, `different` only ever separates
        assert any(group <= other for other in only_same.groups())
    for group in resolved.groups():
        records = {name for name in group if name[0] != "E"}
        assert any(records <= other for other in only_same.groups())
    kept = {row["source_id"] for row in resolved.result.customer_identities.to_pylist()}
    assert {name for name in kept if name[0] != "E"} == {name for name in silent if name[0] != "E"}


@given(judgements())
@settings(max_examples=60 * EFFORT, deadline=None)
def test_agrees_with_adding_links_one_by_one(found: tuple[Company, list[Pair]]) -> None:
    """The second opinion: plain sets, every pair of carriers of a value in the fixed order."""
    from orchestration.identity import record_table
    from orchestration.identity_decisions import joined
    from orchestration.identity_decisions import judged as read_pairs
    from orchestration.identity_evidence import SAME_ID, link

    company, pairs = found
    records = record_table(*(company.arrow(name) for name in OWN_ID))
    verdicts = read_pairs(records, judged(*pairs))
    links = joined(records, link(records, company.mentions(), SETTINGS), verdicts)
    rows = records.to_pylist()
    age = {at: (r["seen_at"], r["source_system"], r["source_table"], r["source_id"]) for at, r in enumerate(rows)}
    carriers: dict[int, list[tuple[tuple, int, int]]] = {}
    for record, node, kind in zip(links.record.tolist(), links.node.tolist(), links.kind.tolist(), strict=True):
        carriers.setdefault(node, []).append((age[record], -1 if kind == SAME_ID else kind, record))
    steps = []
    for held in carriers.values():
        named = tuple(sorted(item[:2] for item in held))
        for (one_age, one_kind, one), (other_age, other_kind, other) in combinations(held, 2):
            by_age = (
                max((one_kind, one_age), (other_kind, other_age)),
                min((one_kind, one_age), (other_kind, other_age)),
            )
            steps.append(((by_age[0][0], named, by_age[0][1], by_age[1]), one, other))
    group = {at: frozenset({at}) for at in range(len(rows))}
    apart = [
        {int(left), int(right)}
        for left, right, same in zip(verdicts.left, verdicts.right, verdicts.is_same, strict=True)
        if not same
    ]
    for _, one, other in sorted(steps):
        union = group[one] | group[other]
        if not any(pair <= union for pair in apart):
            group.update(dict.fromkeys(union, union))
    ours = ask(company, *pairs)
    named = {
        (r["source_table"], r["source_id"]): r["customer_key"] for r in ours.result.customer_identities.to_pylist()
    }
    keys = {at: named.get((rows[at]["source_table"], rows[at]["source_id"])) for at in group}
    for one, other in combinations([at for at in group if keys[at]], 2):
        assert (keys[one] == keys[other]) == (group[one] == group[other])


def _verdicts(pairs: list[Pair]) -> dict[tuple[str, str], str]:
    """By unordered pair the verdict that counts: a decision before the rule, different before same."""
    told: dict[tuple[str, str], tuple[bool, bool, str]] = {}
    for left, right, verdict, rule in pairs:
        if verdict:
            place = (min(left, right), max(left, right))
            rank = (rule != "decision", verdict == "same", verdict)
            told[place] = min(rank, told.get(place, rank))
    return {place: rank[2] for place, rank in told.items()}


def _wins(pair: Pair, verdicts: dict[tuple[str, str], str]) -> bool:
    return verdicts[min(pair[:2]), max(pair[:2])] == pair[2]


def test_every_kind_of_evidence_has_its_place() -> None:
    assert EVIDENCE_KINDS.index("loyalty_id") < EVIDENCE_KINDS.index("decision") < EVIDENCE_KINDS.index("email")
    assert EVIDENCE_KINDS.index("phone") < EVIDENCE_KINDS.index("probabilistic")
