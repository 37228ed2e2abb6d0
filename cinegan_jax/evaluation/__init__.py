"""Scores of generators on held-out pairs, beside baselines; knows no trainer and no network."""
