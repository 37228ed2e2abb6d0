"""The Python interface beside looks: training, evaluation, and trained runs."""
