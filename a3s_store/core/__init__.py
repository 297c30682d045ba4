"""Parts shared by all backends: protocol, collections, digests, plans and caches; no SQL."""
