"""Transfer of finished trainings of other tables."""
