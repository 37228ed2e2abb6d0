"""Configs of runs: the schema of their keys, their checks, and where they are read from."""
