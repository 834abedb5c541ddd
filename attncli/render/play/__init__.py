"""The interactive page: its document, its style, and the script that computes and draws."""
