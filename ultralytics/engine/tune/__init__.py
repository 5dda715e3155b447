"""Parts of hyper-parameter search."""
