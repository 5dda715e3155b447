"""The public interface beyond what the modules here are: tables, one file for each part of the package.

Public code imports a name from wherever the published package has it, which is often a module that only imported it
itself: `from ultralytics.nn.modules.block import Conv`. Every part (`nn`, `utils` ...) has two tables of such names,
with paths that leave `ultralytics.` out:

* `CARRIED[module][home]` are names that `module` offers and that live in `home`, the public module they belong to.
  What a module offers is what its home has at the moment, so that a name that is replaced there is replaced
  everywhere.
* `UNBUILT[module][family]` are names whose public home is `module` and that belong to a part that is not built yet.
  They can be imported, and refuse when used, with the sentence of their family in `families.py`. Modules that have
  rows and no file can be imported as well (`utils/unbuilt.py`).

The tables are texts for `ultralytics.utils.lazy.attach`, by which a module offers them. They name higher layers as a
dictionary names words: nothing is imported until a user asks, and code inside the package imports from real homes.

Building a part means writing its modules and taking its rows out of `UNBUILT`.
"""
