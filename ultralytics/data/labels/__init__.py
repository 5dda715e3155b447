"""What is known of every image: reading, checking and caching labels, and their shapes."""
