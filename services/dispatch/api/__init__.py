"""The routes of dispatch: parse, authorise, call one command or query, answer."""
