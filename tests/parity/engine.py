"""What the second engine needs on this machine: Java, and an environment of its own.

Lives here: finding Java, installing `.venv-spark` from its lock. Does not live here: any build.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements-spark.lock"
ENVIRONMENT = ROOT / ".venv-spark"
OLDEST_JAVA = 17
ADVICE = f"""Install Java {OLDEST_JAVA} or newer and run this again:
  Debian, Ubuntu   apt-get install openjdk-{OLDEST_JAVA}-jre-headless
  Fedora           dnf install java-{OLDEST_JAVA}-openjdk-headless
  macOS            brew install openjdk@{OLDEST_JAVA}
A Java that is not on the PATH is found through JAVA_HOME."""


def missing_java() -> str:
    """What is wrong with this machine's Java and what to do; empty when nothing is wrong."""
    home = os.environ.get("JAVA_HOME")
    java = Path(home) / "bin" / "java" if home else Path(shutil.which("java") or "")
    if not java.is_file():
        return f"Spark needs Java: {'JAVA_HOME holds none' if home else 'there is none on the PATH'}. {ADVICE}"
    told = subprocess.run([str(java), "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if not version or int(version[1]) < OLDEST_JAVA:
        return f"Spark needs a newer Java: this one is {version[1] if version else 'of an unknown version'}. {ADVICE}"
    return ""


def environment() -> Path:
    """The interpreter of `.venv-spark`, holding exactly what the lock says; nothing to do the second time.

    Raises:
        subprocess.CalledProcessError: a package could not be installed; uv has said why.
    """
    python, mark = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "installed"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if python.exists() and mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return python
    sys.stdout.write("installing the second engine into .venv-spark (once)\n")
    sys.stdout.flush()
    uv = [sys.executable, "-m", "uv"]
    if not python.exists():
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(ENVIRONMENT)], check=True)
    # pyspark comes as source only. What builds it comes from the lock as well, not from wherever a build would look.
    builder = re.search(r"^setuptools==.*?[^\\]$", LOCK.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    locked = ["--quiet", "--python", str(python), "--require-hashes"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as first:
        first.write(builder[0] + "\n")
        first.flush()
        subprocess.run([*uv, "pip", "install", *locked, "-r", first.name], check=True)
    subprocess.run([*uv, "pip", "sync", *locked, "--no-build-isolation", str(LOCK)], check=True)
    mark.write_text(wanted, encoding="utf-8")
    return python
