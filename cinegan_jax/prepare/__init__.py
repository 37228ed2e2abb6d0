"""`cinegan prepare`: write pairs and images into shards."""
