"""Looking after a file: verify it, copy it, bring it up to date, erase from it.

`methods` is what an open store has; each of the others is the work behind one of these. Nothing
here is needed to save or to load, but `recovery`, for loads that report damage.
"""
