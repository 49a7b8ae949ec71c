"""When the work is done, and in what order."""
