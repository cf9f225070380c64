"""What each setting must be: a table for each section, and rules between its fields."""
