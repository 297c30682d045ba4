"""Measures a3s_store beside its floors, upstream's way and other stores; see README.md here.

Not part of the wheel. `python -m benchmarks` from a checkout runs it.
"""
