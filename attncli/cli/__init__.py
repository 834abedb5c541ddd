"""The command line: a module per command; only this package imports typer."""
