"""`cinegan serve`: a local web page that applies looks to photos, and its HTTP interface."""
