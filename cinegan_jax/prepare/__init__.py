"""`cinegan prepare`: write image pairs or single images into shards."""
