"""The importers of NATS-Bench and NAS-Bench-201."""
