"""How the work meets the world: settings, stores, evidence, command line, reports."""
