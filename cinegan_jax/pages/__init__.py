"""Self-contained HTML pages, charts and image grids."""
