"""Converters from the files of published benchmarks to the table schema, a file or a folder each."""
