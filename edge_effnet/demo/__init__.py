"""Stage: demo. An exported model on live pictures; model, labels and preprocessing come from its file alone."""
