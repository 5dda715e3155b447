"""Programs for data sets: compressing, converting, counting and showing them."""
