"""The second opinion: every published number computed again in plain Python, from the definitions alone.

`company.py` makes tiny random companies and writes them as landing files, `reference.py` computes their marts,
`compare.py` holds both against a published file. Nothing here reads the models. How an unclear sentence was read is
listed in `README.md`.
"""
