"""What all backends share: protocol, collections, digests, plans, caches. No driver, no SQL."""
