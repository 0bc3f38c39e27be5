"""Stage: demo."""
