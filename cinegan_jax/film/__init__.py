"""The film renderer: looks as recipes of a LUT, grain and halation; LUT files."""
