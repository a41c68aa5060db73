"""Proxies of how outputs move with inputs or weights, item by item."""
