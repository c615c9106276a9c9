"""What several test modules share: the tiny company of `tests/extracts` as a site, parsed once per session."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.settings import Settings, load_settings
from orchestration.site import Site, open_site

EXTRACTS = Path(__file__).parent / "extracts"


def make_home(folder: Path, **settings: object) -> Settings:
    """A home whose landing holds the tiny extracts, every one of them complete."""
    shutil.copytree(EXTRACTS, folder / "landing", ignore=shutil.ignore_patterns("README.md", "cxw.toml"))
    lines = [f"{name} = {value!r}" for name, value in {"settle_seconds": 0, **settings}.items()]
    (folder / "cxw.toml").write_text("\n".join([(EXTRACTS / "cxw.toml").read_text(), *lines, ""]))
    return load_settings(folder, {})


@pytest.fixture
def tiny_home(tmp_path: Path) -> Settings:
    """A fresh home with the tiny extracts in landing, nothing taken in yet."""
    return make_home(tmp_path)


@pytest.fixture(scope="session")
def tiny_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site of all six generic sources; its home stays as it is."""
    return open_site(make_home(tmp_path_factory.mktemp("site")))


@pytest.fixture
def site_at(tiny_site: Site) -> Callable[[Settings], Site]:
    """The same site at another home, without parsing the dbt project again."""
    return lambda settings: open_site(settings, tiny_site.manifest)
