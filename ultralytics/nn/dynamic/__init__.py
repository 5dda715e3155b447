"""Tools for dynamic models: making a model dynamic, and seeing how its images are routed."""
