"""Evaluation of generators on held-out data, beside baselines; independent of the trainer."""
