"""Implementations of the store protocol, one module or package each."""
