"""Pictures made of nothing but latents, and how near they are to those that were learned from."""
