"""Keep secrets out of values before they are written."""
