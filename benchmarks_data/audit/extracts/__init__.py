"""The audit of public extracts: files of numbers that someone derived from a benchmark."""
