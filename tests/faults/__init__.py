"""Faults injected on purpose, and what must be seen after each; `README.md` here is written by `make test-faults`."""
