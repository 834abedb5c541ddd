"""Results as tables, pictures and documents."""
