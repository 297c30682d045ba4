"""Managing many live sessions: creating, restoring, finding and closing them."""
