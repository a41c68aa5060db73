"""Foreign file formats, read without executing what they name."""
