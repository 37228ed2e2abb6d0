"""Networks as flax.linen modules with plain fields."""
