"""`cinegan apply`, `looks` and `lut`: looks on files and folders of photos."""
