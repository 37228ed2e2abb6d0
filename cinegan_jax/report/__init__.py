"""`cinegan report`: a run's workdir as one HTML page."""
