"""Companies above companies: every account is in one tree, and an account with all below it is one range of numbers."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from orchestration.accounts import hierarchy, without_cycles

ANY_PARENTS = st.lists(st.tuples(st.booleans(), st.integers(0, 10**6)), max_size=40).map(
    lambda draws: [number % len(draws) if has_parent else -1 for has_parent, number in draws]
)


def told(*rows: tuple[str, str | None], namespace: str = "generic") -> dict[str, dict]:
    table = pa.table(
        {
            "id_namespace": pa.array([namespace] * len(rows), pa.string()),
            "account_id": pa.array([account for account, _ in rows], pa.string()),
            "parent_account_id": pa.array([parent for _, parent in rows], pa.string()),
        }
    )
    return {row["account_id"]: row for row in hierarchy(table).to_pylist()}


def tops(accounts: dict[str, dict]) -> dict[str, str]:
    return {name: row["top_account_id"] for name, row in accounts.items()}


def test_parents_are_walked_to_the_top():
    accounts = told(("C", "B"), ("B", "A"), ("A", None), ("D", " "))
    assert tops(accounts) == {"A": "A", "B": "A", "C": "A", "D": "D"}
    assert [accounts[name]["account_level"] for name in "ABCD"] == [0, 1, 2, 0]


def test_an_unknown_parent_is_none_and_is_said():
    accounts = told(("B", "gone"), ("C", "B"))
    assert tops(accounts) == {"B": "B", "C": "B"}
    assert (accounts["B"]["parent_account_id"], accounts["B"]["is_parent_unknown"]) == (None, True)
    assert accounts["C"]["is_parent_unknown"] is False


def test_a_circle_is_cut_at_its_smallest_member_wherever_the_walk_begins():
    for rows in ((("A", "B"), ("B", "C"), ("C", "A"), ("D", "C")), (("D", "C"), ("C", "A"), ("B", "C"), ("A", "B"))):
        accounts = told(*rows)
        assert tops(accounts) == dict.fromkeys("ABCD", "A")
        assert accounts["A"]["parent_account_id"] is None
        assert [accounts[name]["is_in_parent_cycle"] for name in "ABCD"] == [True, True, True, False]
        assert [accounts[name]["account_level"] for name in "ABCD"] == [0, 2, 1, 2]


def test_an_account_that_is_its_own_parent_is_a_circle_of_one():
    accounts = told(("A", "A"))
    assert (accounts["A"]["top_account_id"], accounts["A"]["is_in_parent_cycle"]) == ("A", True)


def test_no_accounts_are_an_empty_table_with_types():
    nothing = pa.table(
        {name: pa.array([], pa.string()) for name in ("id_namespace", "account_id", "parent_account_id")}
    )
    found = hierarchy(nothing)
    assert (len(found), str(found.schema.field("account_level").type)) == (0, "int64")


def test_the_same_id_in_two_namespaces_is_two_accounts():
    table = pa.table(
        {"id_namespace": ["a", "b", "b"], "account_id": ["1", "1", "2"], "parent_account_id": ["2", "2", None]}
    )
    rows = {(row["id_namespace"], row["account_id"]): row for row in hierarchy(table).to_pylist()}
    assert rows["a", "1"]["is_parent_unknown"] and rows["b", "1"]["top_account_id"] == "2"


@given(ANY_PARENTS)
def test_a_range_of_the_tour_holds_exactly_who_is_below(parents: list[int]):
    names = [f"{number:03d}" for number in range(len(parents))]
    accounts = told(
        *((name, names[parent] if parent >= 0 else None) for name, parent in zip(names, parents, strict=True))
    )
    assert sorted(row["first_tour_number"] for row in accounts.values()) == list(range(1, len(parents) + 1))

    def above(name: str) -> list[str]:
        chain = [name]
        while parent := accounts[chain[-1]]["parent_account_id"]:
            chain.append(parent)
        return chain

    for name, row in accounts.items():
        assert (above(name)[-1], len(above(name)) - 1) == (row["top_account_id"], row["account_level"])
        in_range = {
            other
            for other, each in accounts.items()
            if row["first_tour_number"] <= each["first_tour_number"] <= row["last_tour_number"]
        }
        assert in_range == {other for other in accounts if name in above(other)}


@given(ANY_PARENTS)
def test_only_circles_are_cut_and_each_once(parents: list[int]):
    cut, in_cycle = without_cycles(parents)
    for number, parent in enumerate(parents):
        seen, here = set(), parent
        while here >= 0 and here not in seen:
            seen.add(here)
            here = parents[here]
        assert in_cycle[number] == (number in seen)
        assert cut[number] == parent or (cut[number] == -1 and in_cycle[number])
    assert sum(a != b for a, b in zip(cut, parents, strict=True)) == sum(
        in_cycle[number] and number == min(circle_of(parents, number)) for number in range(len(parents))
    )


def circle_of(parents: list[int], start: int) -> set[int]:
    found, here = {start}, parents[start]
    while here >= 0 and here not in found:
        found.add(here)
        here = parents[here]
    return found


def test_a_chain_of_any_length_has_no_limit():
    size = 20_000
    accounts = told(*((f"{number:05d}", f"{number - 1:05d}" if number else None) for number in range(size)))
    assert accounts[f"{size - 1:05d}"]["account_level"] == size - 1
