"""Support-vector machines."""
