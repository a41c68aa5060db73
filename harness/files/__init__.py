"""Files: written whole or not at all, sealed against damage, read without trust in what they claim."""
