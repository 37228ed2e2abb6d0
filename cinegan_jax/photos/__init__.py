"""Decode and encode image files; carry colour profiles and metadata from file to file."""
