"""Stage: variants."""
