"""Packed engines, R3 and R4: many networks take their steps side by side."""
