"""Container images: the build of an image, and the pull of AWS's XGBoost image."""
