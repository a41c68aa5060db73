"""Proxies that see neither data nor labels."""
