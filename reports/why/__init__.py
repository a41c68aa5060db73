"""Architectures and why they won: what the genes of a benchmark are worth, and where searches went.

`landscape` holds the values that are analysed, `noise` what trainings vary by, `explained` what is found of one
architecture, `searched` what strategies proposed and ended with.
"""
