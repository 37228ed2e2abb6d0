"""Training data: image pairs and single images, prepared shards, and the Grain loader."""
