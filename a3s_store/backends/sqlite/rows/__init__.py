"""SQL of each table."""
