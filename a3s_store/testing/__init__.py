"""For tests of applications and of other stores: samples, strategies, conformance suite, machine.

- `samples`: one value of every kind, with and without edge cases;
- `strategies`: a Hypothesis strategy for every model;
- `conformance`: checks of the promises of `SessionStore`;
- `state_machine`: random programs on a store and on `MemorySessionStore`, compared step by step.

`strategies` and `state_machine` need hypothesis, which comes with the extra `a3s-store[testing]`.
Nothing else in the package imports `a3s_store.testing`.
"""
