"""Runs of an agent: the run in progress, its checkpoints and draft, and interrupted runs."""
