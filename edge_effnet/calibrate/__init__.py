"""Stage: calibrate."""
