"""Samples of power -> energy, phases, uncertainty and warnings. Pure functions; no sensor is imported here."""
