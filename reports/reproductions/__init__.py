"""Published tables that run: specs with the values that were published, and a verdict for each cell."""
