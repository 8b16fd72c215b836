"""What is counted, how, and what the rates are made of. Pure."""
