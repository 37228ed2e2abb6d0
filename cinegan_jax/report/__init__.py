"""Report of a run's workdir as one HTML page: `cinegan report`."""
