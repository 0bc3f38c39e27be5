"""Stage: inspect."""
