"""Fault-injection campaigns: each attacks a store and checks afterwards that its promises held.

    python -m tests.faults kill --short --seed 1

A campaign runs a *workload* (sessions whose every state is a function of the seed) on a *subject*
(a store behind its public methods, the SQLite store by default) while something goes wrong. Then it
compares the stored sessions with the acknowledged saves and returns a `Report`, which fails when
one promise was broken. A campaign that never failed proves nothing: each also runs on stores with a
planted fault, and has to find it.

`campaigns/` has one module for each, `harness/` the parts they share: `workload`,
`store_under_test`, `report` and the processes. `__main__` lists the campaigns.
"""
