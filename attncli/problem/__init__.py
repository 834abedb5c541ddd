"""Problems: requests whose parts have been checked against each other and can be calculated."""
