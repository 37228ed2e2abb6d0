"""Pairs of photographs, film looks, and the Grain pipeline."""
