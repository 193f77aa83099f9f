"""Schedules and sensors that request runs by business date."""
