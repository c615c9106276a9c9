"""The golden content hashes of the tiny company's first snapshot: what an upgrade of an engine may not change unseen.

After a wanted change of a number or a model: `UPDATE_GOLDEN=1 pytest tests/test_bad_day.py -k golden`, look at the diff
(one line per table), and name the change in the data changes table of CHANGELOG.md.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden" / "published_hashes.json"
NAMES_ITS_SNAPSHOT = {"core.customer_key_history"}  # its rows hold ids of snapshots, and those hold the code version


def published_hashes(snapshot: Path) -> dict[str, str]:
    """Content hash by table of a published snapshot, without `meta`."""
    tables = json.loads((snapshot / "manifest.json").read_bytes())["tables"]
    named = {
        f"{table['schema']}.{table['name']}": table["content_hash"] for table in tables if table["schema"] != "meta"
    }
    return {name: digest for name, digest in sorted(named.items()) if name not in NAMES_ITS_SNAPSHOT}


def unlike_golden(found: Mapping[str, str]) -> str:
    """What `differences` says of the golden hashes; with UPDATE_GOLDEN these are the golden ones from now on."""
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n", encoding="utf-8")
    return differences(json.loads(GOLDEN.read_text(encoding="utf-8")), found)


def differences(golden: Mapping[str, str], found: Mapping[str, str]) -> str:
    """The tables that differ and what to do; empty when none does."""
    names = sorted(name for name in golden.keys() | found.keys() if golden.get(name) != found.get(name))
    if not names:
        return ""
    return (
        f"{len(names)} tables hold other rows than before: {', '.join(names)}. If an upgrade did it, do not upgrade; if"
        " it is wanted: UPDATE_GOLDEN=1 pytest tests/test_bad_day.py -k golden, and CHANGELOG.md (data changes)"
    )
