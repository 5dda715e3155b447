"""What a model costs: parameters and multiplications, per layer and in tables."""
