"""The city in one process: command line, embedded database, landing page and robots; it alone knows all services."""
