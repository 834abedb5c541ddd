"""The command line, with one module per command. Only this package imports typer."""
