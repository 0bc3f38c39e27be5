"""Stage: bench. How long a file takes on a target, with what makes the figure worth believing."""
