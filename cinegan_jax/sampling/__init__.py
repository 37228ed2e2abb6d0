"""`cinegan sample`: unconditional samples, latent walks and the nearest training images."""
