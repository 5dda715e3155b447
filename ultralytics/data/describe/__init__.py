"""From a data set's YAML or folder to paths and class names."""
