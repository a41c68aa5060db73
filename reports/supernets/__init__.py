"""Results of one-shot methods: what they recommended, looked up, beside searches."""
