"""What `doctor` looks at, a module for each area; each function gives findings and changes nothing."""
