"""Metrics of images: against a reference, and as sets."""
