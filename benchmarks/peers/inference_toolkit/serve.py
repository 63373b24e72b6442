"""Start Multi Model Server as the toolkit does, but with another configuration file.

The toolkit writes it to /etc, where it would remain. Usage: serve.py CONFIGURATION_FILE
"""

import sys

from sagemaker_inference import model_server  # type: ignore[import-not-found]

model_server.MMS_CONFIG_FILE = sys.argv[1]
model_server.start_model_server()
