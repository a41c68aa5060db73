"""The section of one-shot methods: what they recommended looked up, beside searches, and what became of their cells."""
