"""Scripts that a web server runs; they have a folder of their own, since servers put a script's folder on the path."""
