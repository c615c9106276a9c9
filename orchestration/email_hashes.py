"""Keyed hashes of e-mail addresses, so that a mailing list can be joined to customers without publishing an address.

Lives here: the key file, and the hash of each address that is one person's. Does not live here: the normal form of an
address (`identity_values.py`), which address of a customer survives (`int_customers__survivors`).

HMAC-SHA-256, because addresses can be guessed: without the key, hashing every address of a list tells nothing. The key
is read from a file and kept nowhere else; what is published beside a hash is a version made from the key. Another key
is another version, and makes the next cycle build everything again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.errors import CxwError
from orchestration.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

_BYTES = 32
_BLOCK_BYTES = 64  # of SHA-256
_VERSION_CONTEXT = b"cx-warehouse version of an e-mail hash key\0"


@dataclass(frozen=True)
class HashKey:
    """The secret, which nothing shows, and its version, which everything may."""

    secret: bytes = field(repr=False)

    @property
    def version(self) -> str:
        return hashlib.sha256(_VERSION_CONTEXT + self.secret).hexdigest()[:8]

    def hashes_of(self, normal_emails: Iterable[str]) -> list[str]:
        """HMAC-SHA-256 (RFC 2104) of each, in hexadecimal digits.

        The two keyed states are made once and copied: 0.7 s for a million addresses, `hmac.digest` takes 2.4 s.
        """
        block = self.secret.ljust(_BLOCK_BYTES, b"\0")
        inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))
        hashed = []
        for address in normal_emails:
            first = inner.copy()
            first.update(address.encode())
            second = outer.copy()
            second.update(first.digest())
            hashed.append(second.hexdigest())
        return hashed


def read_key(settings: Settings) -> HashKey | None:
    """The key of the setting `email_hash_key_file`; None when the site wants no hashes.

    Raises:
        CxwError: E-KEY-001 for a file that cannot be read, E-KEY-002 for one that others may read, E-KEY-003 for
            one that holds no key.
    """
    path = settings.email_hash_key_path
    if path is None:
        return None
    place = f"email_hash_key_file {path.name}"
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(4096)
    except OSError as error:
        raise CxwError(
            "E-KEY-001", "the key file cannot be read", where=place, next_command=f"cxw identity new-key {path.name}"
        ) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CxwError("E-KEY-002", "others may read the key file", where=place, next_command=f"chmod 600 {path.name}")
    try:
        secret = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != _BYTES:  # neither the error nor its cause may show what is in the file
        raise CxwError("E-KEY-003", f"no key in it: {2 * _BYTES} hexadecimal digits are one", where=place)
    return HashKey(secret)


def new_key(path: Path) -> HashKey:
    """Make a key file that only its owner may read.

    Raises:
        CxwError: E-KEY-004 when something is there already: a key that is gone takes every join with it.
    """
    key = HashKey(secrets.token_bytes(_BYTES))
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CxwError("E-KEY-004", "the file exists and is kept", where=path.name) from error
    except OSError as error:
        raise CxwError("E-KEY-001", "the key file cannot be written", where=path.name) from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key.secret.hex() + "\n")
    return key


def hashes(
    records: Mapping[str, pa.Table], mentions: pa.Table | None, shared: pa.Table | None, key: HashKey | None
) -> pa.Table:
    """One row per different spelling of a usable address, with its hash; no rows without a key.

    Args:
        records: `int_<entity>__unioned` by entity (contacts, leads, customers).
        mentions: `int_identity__mentions`.
        shared: `shared_identifiers`; an address that it lists is nobody's and has no row.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from orchestration.identity_customers import ENTITIES, member_keys
    from orchestration.identity_values import TEXT, column, normal_emails

    if key is None:
        nothing = pa.array([], TEXT)
        return pa.table({"email": nothing, "email_hash": nothing, "email_hash_key_version": nothing})
    is_email = pc.equal(column(mentions, "identifier_kind"), "email")
    mentioned = column(mentions, "identifier_value").filter(is_email)
    delivered = pc.unique(
        pa.concat_arrays([*(column(table, "email") for table in records.values()), mentioned])
    ).drop_null()
    normal = normal_emails(delivered)
    is_usable = pc.is_valid(normal)
    hidden = pc.fill_null(pc.equal(shared.column("identifier_kind"), "email"), False)
    if len(guarded := shared.column("identifier_hash").filter(hidden)):
        # The list shows a shared address by the key of a record that has it.
        wanted = pc.utf8_slice_codeunits(guarded, len("email-"))
        carried = []
        for entity, table in records.items():
            members = table.select(["source_system"]).append_column("source_table", pa.repeat(entity, len(table)))
            keys = member_keys(members.append_column("source_id", column(table, ENTITIES[entity])))
            carried.append(column(table, "email").filter(pc.is_in(keys, wanted.combine_chunks())))
        is_usable = pc.and_(is_usable, pc.invert(pc.is_in(normal, normal_emails(pa.concat_arrays(carried)))))
    usable = normal.filter(is_usable)
    encoded = usable.dictionary_encode()
    hashed = pa.array(key.hashes_of(encoded.dictionary.to_pylist()), TEXT)
    return pa.table(
        {
            "email": delivered.filter(is_usable),
            "email_hash": hashed.take(encoded.indices),
            "email_hash_key_version": pa.repeat(pa.scalar(key.version, TEXT), len(usable)),
        }
    )
