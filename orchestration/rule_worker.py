"""Great Expectations in a process of its own, which imports it while the run starts.

Lives here: starting and ending that process, and rows and findings on their way. Its import costs four seconds of a
core; a cycle's own start costs as much on the other one. Does not live here: what a rule finds (`rule_engine.py`).
Rows travel as Arrow over a pipe and are written nowhere. When the parent is gone the pipe ends,
and so does the process.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from orchestration import rule_engine
from orchestration.errors import CxwError
from orchestration.garbage import look_rarely
from orchestration.rule_engine import Finding
from orchestration.rules import Rule

if TYPE_CHECKING:
    import pyarrow as pa

_ROOT = Path(__file__).parent.parent
_lock = threading.Lock()
_worker: subprocess.Popen[bytes] | None = None


@contextmanager
def warm() -> Iterator[None]:
    """Within this block rules are evaluated in the other process; it begins to import at once."""
    global _worker
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    with _lock:
        worker = _worker = subprocess.Popen(
            [sys.executable, "-m", "orchestration.rule_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
    try:
        yield
    finally:
        with _lock:
            _worker = None
        with suppress(BrokenPipeError):
            worker.stdin.close()
        worker.wait()
        worker.stdout.close()


def evaluate(rules: Sequence[Rule], chunk: pa.Table | pa.RecordBatch, where: str) -> list[Finding]:
    """`rule_engine.evaluate`, in the other process if there is one. A lost process costs time, never a verdict.

    Raises:
        CxwError: as `rule_engine.evaluate`.
    """
    with _lock:
        if _worker is None or _worker.poll() is not None:
            return rule_engine.evaluate(rules, chunk, where)
        try:
            _send(_worker.stdin, (tuple(rules), _to_bytes(rules, chunk), where))
            answer = _receive(_worker.stdout)
        except (BrokenPipeError, EOFError):
            return rule_engine.evaluate(rules, chunk, where)
    if isinstance(answer, dict):
        raise CxwError(**answer)
    return answer


def _to_bytes(rules: Sequence[Rule], chunk: pa.Table | pa.RecordBatch) -> bytes:
    """The columns that the rules read, as an Arrow stream."""
    import pyarrow as pa

    names = list(dict.fromkeys(name for rule in rules for name in rule.columns)) or chunk.schema.names[:1]
    part = chunk.select(names)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, part.schema) as writer:
        writer.write(part)
    return sink.getvalue().to_pybytes()


def _send(pipe: BinaryIO, message: Any) -> None:
    pickle.dump(message, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def _receive(pipe: BinaryIO) -> Any:
    return pickle.load(pipe)


def main() -> None:
    """Answer until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the parent decides
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not mix with answers
    look_rarely()
    rule_engine.warm_up()
    import pyarrow as pa

    while True:
        try:
            rules, rows, where = _receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            found: Any = rule_engine.evaluate(rules, pa.ipc.open_stream(rows).read_all(), where)
        except CxwError as error:
            found = {"code": error.code, "message": error.message, "where": error.where}
        _send(answers, found)


if __name__ == "__main__":
    main()
