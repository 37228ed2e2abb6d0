"""GAN families: what to minimise. The trainer owns how."""
