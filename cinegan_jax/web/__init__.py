"""The web page and its server, for photos of one person on one machine."""
