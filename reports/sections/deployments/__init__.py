"""Deployments side by side: what each strategy finds under the bounds of each device."""
