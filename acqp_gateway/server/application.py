"""The application of this process, from its settings; imported in each worker, after the fork."""

from acqp_gateway import settings
from acqp_gateway.app import create_app
from acqp_gateway.operations.logs import write_logs

_settings = settings.load()
write_logs(_settings.log_level)

app = create_app(_settings)
