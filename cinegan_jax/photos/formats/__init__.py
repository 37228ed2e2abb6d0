"""One module a file format; each gives `open_file` and, where it is written, `encode`."""
