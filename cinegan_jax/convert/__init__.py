"""Weights from other frameworks' files."""
