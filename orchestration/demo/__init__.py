"""The demo: a real shop, day by day, and an invented rest of the company around it that says it is invented."""
