"""The program in the image: trains and serves a LightGBM model under the SageMaker container contract."""

__version__ = "0.1.0"
