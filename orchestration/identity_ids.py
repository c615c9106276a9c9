"""Ids of records as they may be shown: one that is an address is replaced.

Lives here: what stands for such an id in keys and in published tables. Does not live here: the secret (`ledger.py`),
finding the record behind an id as delivered (`identity_output.identifiers`).

Some shops number their customers by e-mail address. A key made from that id, and the id itself in
`core.customer_identities`, would give the address away to everybody who can guess it.
"""

from __future__ import annotations

import hmac

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.identity_values import TEXT

_SHOWN_CHARACTERS = 32


def opaque_ids(ids: pa.Array, secret: bytes) -> pa.Array:
    """The same ids, but `id-` and a keyed hash for each that has an @ in it."""
    is_address = pc.fill_null(pc.match_substring(ids, "@"), False)
    if not pc.any(is_address).as_py():
        return ids
    found = ids.filter(is_address).to_pylist()
    hashed = [hmac.digest(secret, value.encode(), "sha256").hex()[:_SHOWN_CHARACTERS] for value in found]
    return pc.replace_with_mask(ids, is_address, pa.array([f"id-{text}" for text in hashed], TEXT))
