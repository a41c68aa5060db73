"""Converters from the files of published benchmarks to the table schema, one file each."""
