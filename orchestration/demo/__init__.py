"""The demo: a real shop, day by day, and an invented rest of the company around it that says it is invented."""

from orchestration.demo.run import run_demo as run_demo
