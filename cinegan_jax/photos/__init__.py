"""Picture files in and out: pixels for a network, and everything else kept as it came."""
