"""Memory, time and price of a run, before it is started."""
