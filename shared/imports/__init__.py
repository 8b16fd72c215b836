"""Files of a million rows: read row by row in a process of their own, what is refused written to a file of its own."""
