"""The model: its artifact, where it comes from, and the inference code that is shipped with it."""
