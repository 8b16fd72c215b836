"""Expected trouble: what a person at the terminal can put right."""


class Trouble(Exception):
    """One line that says what is in the way and what to do about it; shown without a traceback, exit status 1."""
