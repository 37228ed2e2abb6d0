"""Small image collections from the web: list, download, clean."""
