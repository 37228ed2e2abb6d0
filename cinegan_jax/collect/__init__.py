"""Small collections of pictures from the web: listed, downloaded and cleaned."""
