"""Run the test suites of agent frameworks, unchanged, with our adapters in place of their classes.

    python -m tests.outside PEER            # in an environment of its own, outside of the checkout
    python -m tests.outside PEER --expect N # exit 1 when fewer than N of its tests pass
    python -m tests.outside --table         # the table of the README, made of the results

`peers.py` names the peers. `excluded.tsv` lists the tests that are left out, each with its reason;
`results/` has one JSON file for each peer, which its last run wrote. `plugins/` is what the
environment of a peer imports: it has the peer and this package, and no other module of the tests.
"""
