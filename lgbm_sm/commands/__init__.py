"""The commands by what they are for; each module's import puts its own on `program.app`."""
