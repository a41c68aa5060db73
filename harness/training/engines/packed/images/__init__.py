"""Packed networks on images."""
