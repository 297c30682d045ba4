"""Generated functions of tables: see `core/columns.py`."""
