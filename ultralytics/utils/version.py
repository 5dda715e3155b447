"""The package's version: the public interface it follows, then this project's own release number."""

__version__ = "8.4.0+parameternet.1"
