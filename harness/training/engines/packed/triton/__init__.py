"""Triton kernels of the packed networks on images."""
