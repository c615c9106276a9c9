"""CX Warehouse: extracts in, audited customer-experience marts out. Start reading at `definitions.py`."""
