"""Stage: runtimes."""
