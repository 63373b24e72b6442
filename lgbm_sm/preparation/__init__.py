"""From the user's table to the columns, the splits, and the files of the channels."""
