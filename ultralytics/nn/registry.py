"""Former path of the registry of blocks, kept for code that imports it; `ultralytics.nn` offers `register` itself."""

from ultralytics.nn.builder.registry import (
    Filled,
    LayerSpec,
    ModelYamlError,
    Scale,
    UnbuiltBlockError,
    admit,
    import_block,
    is_admitted,
    lookup,
    names,
    parse_call,
    pickled_as,
    register,
    registered,
)

__all__ = [
    "Filled",
    "LayerSpec",
    "ModelYamlError",
    "Scale",
    "UnbuiltBlockError",
    "admit",
    "import_block",
    "is_admitted",
    "lookup",
    "names",
    "parse_call",
    "pickled_as",
    "register",
    "registered",
]
