"""How often Python looks for garbage.

Dagster, dbt and Great Expectations make a million objects that stay; with Python's own thresholds it goes through them
again and again while they are made. Looking rarely saves a tenth of the processor time of imports and parsing, and some
of what comes after. Rows are in Arrow and in the engine, where nothing is collected.
"""

import gc

# Objects before the youngest are looked at (Python: 700), and rounds before the older ones are (10). What hangs in
# circles until then is some ten MiB.
_THRESHOLDS = (50_000, 20, 20)


def look_rarely() -> None:
    """For this process; call it before the large imports."""
    gc.set_threshold(*_THRESHOLDS)
