"""How hard the dear tests try: `CXW_TEST_EFFORT=5 make test` for a night, 1 when somebody waits."""

import os

EFFORT = max(1, int(os.environ.get("CXW_TEST_EFFORT", "1")))
