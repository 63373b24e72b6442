"""The model: its artifact, its source, and the inference code in its artifact."""
