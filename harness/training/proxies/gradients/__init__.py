"""Proxies of the loss's gradients on weights, at initialisation."""
