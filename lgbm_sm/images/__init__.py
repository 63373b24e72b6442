"""Container images: their build context, the build, and the XGBoost image of AWS."""
