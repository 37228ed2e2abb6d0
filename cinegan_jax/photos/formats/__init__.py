"""File formats, one module each; `registry.FormatModule` documents their functions."""
