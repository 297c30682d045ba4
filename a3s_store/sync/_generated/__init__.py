"""Generated classes: see `tools/sync_face.py`."""
