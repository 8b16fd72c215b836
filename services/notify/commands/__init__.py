"""Use cases of notify: one function, one transaction each."""
