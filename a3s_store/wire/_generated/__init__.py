"""Generated functions of models: see `wire/generated.py`."""
