"""Types, errors, storage and records that every package uses."""
