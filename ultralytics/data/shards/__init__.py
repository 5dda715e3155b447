"""Data sets in shards: pictures in a few large tar files, their labels as arrays beside them.

`write` packs a data set, `index` says what is where, `read` fetches bytes, `dataset` makes samples of them.
"""
