"""Packed networks on signals."""
