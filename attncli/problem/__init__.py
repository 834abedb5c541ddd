"""What can be calculated: a request whose parts have been checked against each other."""
