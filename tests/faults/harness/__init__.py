"""Processes, recorded file operations and checkers that campaigns are made of."""
