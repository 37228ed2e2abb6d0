"""The trained looks that ship with the package: NAME.safetensors, its model card NAME.md."""
