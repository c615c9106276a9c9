"""Keyed hashes of addresses: who has the key can join a list, nobody else can tell or guess an address."""

import hashlib
import hmac
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from orchestration import build
from orchestration.email_hashes import HashKey, hashes, new_key, read_key
from orchestration.errors import CxwError
from orchestration.identity_customers import member_keys
from orchestration.ledger import Ledger
from orchestration.settings import Settings

KEY = HashKey(bytes(range(32)))
CANARY = "canary@example.org"


def records(*emails: str | None) -> dict[str, pa.Table]:
    """Contacts C0, C1 … with these addresses; no leads, no shop accounts."""

    def table(entity_id: str, values: tuple[str | None, ...]) -> pa.Table:
        ids = [f"C{number}" for number in range(len(values))]
        columns = {"source_system": ["crm"] * len(values), entity_id: ids, "email": list(values)}
        return pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})

    return {
        "contacts": table("contact_id", emails),
        "leads": table("lead_id", ()),
        "customers": table("customer_id", ()),
    }


def mentions(*emails: str) -> pa.Table:
    kinds = ["email"] * len(emails) + ["customer_id"]
    return pa.table({"identifier_kind": kinds, "identifier_value": [*emails, "id@example.org"]})


def shared(*contact_ids: str) -> pa.Table:
    """`shared_identifiers` whose addresses these contacts show."""
    names = ("source_system", "source_table", "source_id")
    members = pa.table(
        dict(zip(names, (["crm"] * len(contact_ids), ["contacts"] * len(contact_ids), list(contact_ids)), strict=True))
    )
    keys = [f"email-{key}" for key in member_keys(members).to_pylist()] if contact_ids else []
    return pa.table(
        {
            "identifier_kind": pa.array(["email"] * len(keys) + ["phone"], pa.string()),
            "identifier_hash": pa.array([*keys, "phone-0"], pa.string()),
        }
    )


def hashed(*emails: str | None, mentioned: tuple[str, ...] = (), guarded: tuple[str, ...] = ()) -> dict[str, str]:
    found = hashes(records(*emails), mentions(*mentioned), shared(*guarded), KEY).to_pylist()
    assert {row["email_hash_key_version"] for row in found} <= {KEY.version}
    return {row["email"]: row["email_hash"] for row in found}


def settings_with(folder: Path, name: str) -> Settings:
    return Settings(home=folder, email_hash_key_file=name)


def test_the_hash_is_hmac_sha256_of_the_normal_form() -> None:
    expected = hmac.new(KEY.secret, b"ann@example.org", hashlib.sha256).hexdigest()
    spellings = ("ann@example.org", " ANN@Example.org ", "\uff41nn@example.org")
    assert hashed(*spellings) == dict.fromkeys(spellings, expected)


@given(st.binary(min_size=32, max_size=32), st.text(max_size=200))
def test_the_fast_way_is_the_standard_one(secret: bytes, address: str) -> None:
    text = address.encode("utf-8", "ignore").decode()
    assert HashKey(secret).hashes_of([text]) == [hmac.digest(secret, text.encode(), "sha256").hex()]


def test_what_is_no_address_and_what_is_shared_has_no_hash() -> None:
    found = hashed("none@none", None, "info@example.org", "INFO@example.org", "ann@example.org", guarded=("C2",))
    assert set(found) == {"ann@example.org"}


def test_addresses_of_guests_are_hashed_and_ids_are_not() -> None:
    assert set(hashed(mentioned=("guest@example.org", "Info@example.org"))) == {"guest@example.org", "Info@example.org"}
    assert set(hashed("info@example.org", mentioned=("Info@example.org",), guarded=("C0",))) == set()


def test_without_a_key_there_are_no_rows_and_the_same_columns() -> None:
    without = hashes(records("ann@example.org"), mentions(), shared(), None)
    assert (len(without), without.schema) == (0, hashes(records("ann@example.org"), mentions(), shared(), KEY).schema)


def test_a_new_key_is_its_owners_only_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "email.key"
    key = new_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key(settings_with(tmp_path, "email.key")) == key
    with pytest.raises(CxwError, match="E-KEY-004"):
        new_key(path)
    assert read_key(settings_with(tmp_path, "email.key")) == key


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [
        (None, 0, "E-KEY-001"),
        ("00" * 32, 0o640, "E-KEY-002"),
        ("canary", 0o600, "E-KEY-003"),
        ("00", 0o600, "E-KEY-003"),
    ],
    ids=["missing", "readable by the group", "no key", "too short"],
)
def test_a_key_file_that_cannot_serve_is_a_named_error(tmp_path: Path, content: str, mode: int, code: str) -> None:
    path = tmp_path / "email.key"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    with pytest.raises(CxwError) as caught:
        read_key(settings_with(tmp_path, "email.key"))
    assert (caught.value.code, caught.value.exit_code) == (code, 2)
    assert "canary" not in str(caught.value)


def test_nothing_but_the_file_and_the_hashes_knows_the_key(tmp_path: Path) -> None:
    key = new_key(tmp_path / "email.key")
    settings = settings_with(tmp_path, "email.key")
    secret = key.secret.hex()
    assert secret not in repr(key) and secret not in str(settings.environment())
    assert key.version not in secret and len(key.version) == 8


def test_another_key_is_another_input_and_the_same_key_elsewhere_is_not(tmp_path: Path) -> None:
    new_key(tmp_path / "a.key")
    new_key(tmp_path / "b.key")
    (tmp_path / "copy.key").write_bytes((tmp_path / "a.key").read_bytes())
    (tmp_path / "copy.key").chmod(0o600)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        versions = {
            name: build.input_version(settings_with(tmp_path, name), [], ledger)
            for name in ("", "a.key", "b.key", "copy.key")
        }
    assert len(set(versions.values())) == 3 and versions["a.key"] == versions["copy.key"]


def test_the_command_says_what_to_do_next_and_never_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.cli import cxw

    monkeypatch.setenv("CXW_HOME", str(tmp_path))
    path = tmp_path / "email.key"
    ended = CliRunner().invoke(cxw, ["identity", "new-key", str(path)])
    assert ended.exit_code == 0 and "email_hash_key_file" in ended.output
    assert path.read_text().strip() not in ended.output


def test_a_home_relative_and_an_absolute_file_are_the_same(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, "keys/email.key")
    assert settings.email_hash_key_path == tmp_path / "keys" / "email.key"
    assert replace(settings, email_hash_key_file=str(tmp_path / "x.key")).email_hash_key_path == tmp_path / "x.key"
    assert replace(settings, email_hash_key_file="").email_hash_key_path is None
