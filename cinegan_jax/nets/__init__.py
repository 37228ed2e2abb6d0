"""Networks as flax.linen modules that take plain fields."""
