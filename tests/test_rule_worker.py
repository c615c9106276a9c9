"""The process that runs Great Expectations: the same findings, errors that keep their words, an end with its parent."""

import pyarrow as pa
import pytest

from orchestration import rule_engine, rule_worker
from orchestration.errors import CxwError
from orchestration.rules import Rule

RULE = Rule("amount_is_not_negative", "expect_column_values_to_be_between", {"column": "amount", "min_value": 0},
            "warning", "Because.")  # fmt: skip
ROWS = pa.table({"amount": pa.array([1, -1, None, -2], pa.int64()), "email": ["a@example.org"] * 4})


def test_the_other_process_finds_what_this_one_finds_and_ends_with_the_block() -> None:
    here = rule_worker.evaluate([RULE], ROWS, "orders.yml")
    assert here == rule_engine.evaluate([RULE], ROWS, "orders.yml")
    with rule_worker.warm():
        worker = rule_worker._worker
        assert rule_worker.evaluate([RULE], ROWS, "orders.yml") == here
        assert rule_worker.evaluate([RULE], ROWS.to_batches()[0], "orders.yml") == here
        text = Rule("email_is_positive", RULE.type, {"column": "email", "min_value": 0}, "warning", "Because.")
        with pytest.raises(CxwError, match=r"E-SUI-002 orders\.yml email_is_positive"):
            rule_worker.evaluate([text], ROWS, "orders.yml")
        assert rule_worker.evaluate([RULE], ROWS, "orders.yml") == here, "an error ends nothing"
        worker.kill()
        worker.wait()
        assert rule_worker.evaluate([RULE], ROWS, "orders.yml") == here, "a lost process costs time, never a verdict"
    assert rule_worker._worker is None
