"""The spaces of HW-GPT-Bench."""
