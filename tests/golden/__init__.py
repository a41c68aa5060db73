"""Golden traces: what each strategy did when its version was blessed."""
