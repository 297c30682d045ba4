"""Parts shared by all backends: protocol, collections, digests, plans, caches. No driver, no SQL."""
