"""What somebody asked for: matrices, problem files, settings, read from files, standard input or typed."""
