"""What the officer reads: one record per run, shown as a self-contained page and as JSON."""
