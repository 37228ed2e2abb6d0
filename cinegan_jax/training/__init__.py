"""The trainer: how to minimise, on how many devices, and how to come back after a kill."""
