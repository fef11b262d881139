"""How a manifest refers to a variable of the environment: `${VAR}`."""

import re

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
