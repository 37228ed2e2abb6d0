"""The looks that ship with the package: NAME.safetensors, trained or a LUT, and a card NAME.md."""
