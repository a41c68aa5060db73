"""One-shot methods: rows of a grid of samplers and modifiers, and the named methods of papers as its presets."""
