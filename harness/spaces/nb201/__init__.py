"""The NAS-Bench-201 space, which is the topology space of NATS-Bench."""
