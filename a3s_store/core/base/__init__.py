"""Base classes of stores: the public methods, written once over a small port."""
