"""Proxies of what flows through a network at initialisation."""
