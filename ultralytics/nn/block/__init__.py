"""Blocks that networks are made of: network only, no loss, no export names, no configuration."""
