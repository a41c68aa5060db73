"""The kill campaign: commands that are ended at random moments, and must lose nothing."""
