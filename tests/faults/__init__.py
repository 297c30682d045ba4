"""Attacks on a store, each a campaign with a seed: what was promised is tried, not asserted.

    python -m tests.faults kill --short --seed 1

A campaign runs a *workload* (sessions whose every state is a function of the seed) on a *subject*
(a store, by default ours, behind its public methods) while something goes wrong, and afterwards
holds what is there against what was acknowledged. It answers a `Report`; it fails when one promise
was broken. A campaign that has never failed proves nothing: each is run on subjects with a planted
fault as well, and has to find it.

`workload` and `subject` are what all share, `report` what each answers; the other modules are one
campaign each. `__main__` knows their names.
"""
