"""Ready-made programs on top of the public interface."""
