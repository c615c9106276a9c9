"""What a tired colleague might write: one function of the product with a piece of its text replaced.

Lives here: making such a function and putting it in place. Does not live here: which mutants there are, and which test
must notice them.
"""

from __future__ import annotations

import importlib
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mutant:
    """`new` stands for `old` in the text of one function of a module."""

    module: str
    function: str
    old: str
    new: str

    def function_mutated(self) -> Any:
        module = importlib.import_module(self.module)
        source = textwrap.dedent(inspect.getsource(getattr(module, self.function)))
        assert self.old in source, "the mutant's place is gone; write it for the code as it is now"
        scope = dict(vars(module))
        text = "from __future__ import annotations\n" + source.replace(self.old, self.new)
        exec(compile(text, "mutant", "exec"), scope)
        return scope[self.function]

    def move_in(self) -> None:
        """Stand in the original's place for the rest of this process."""
        setattr(importlib.import_module(self.module), self.function, self.function_mutated())
