"""A run under way: its checkpoints, write-through and resumption."""
