"""New projects: proposals from a table, questions to the user, and the project's files."""
