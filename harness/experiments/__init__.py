"""Experiments: what a spec says, cut into shards that are computed, stored and found again."""
