"""Output for people and for programs: tables, csv, json, markdown, LaTeX. Only this package imports rich."""
