"""The values of a live session: runs, trace, artifacts, subagents, findings, usage."""
