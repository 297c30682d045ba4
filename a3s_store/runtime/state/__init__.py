"""What a live session holds: runs, trace, artifacts, subagents, usage."""
