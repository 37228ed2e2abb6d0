"""CineGAN in JAX: learn a film look from pairs of photographs."""

__version__ = "0.1.0"
