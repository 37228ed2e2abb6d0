"""Convert weight files of other frameworks."""
