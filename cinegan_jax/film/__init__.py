"""The film renderer: LUTs, grain and halation, in NumPy."""
