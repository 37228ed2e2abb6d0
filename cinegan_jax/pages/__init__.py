"""HTML pages that are one file: they open from the disk and ask the network for nothing."""
