"""Picture files: read and written with everything that belongs to them."""
