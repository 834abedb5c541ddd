"""The page to play with: its document, its look, and the script that computes and draws."""
