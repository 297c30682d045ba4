"""What our calls cost beside the least that the same work costs: `python -m benchmarks ratios`.

Each module has one kind of question, `table` their order. Everything that is divided by each other
is measured in turn, in the same rounds of one run.
"""
