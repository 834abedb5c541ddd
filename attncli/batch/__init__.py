"""Calculate many problems: find and name the jobs, hand them to worker processes or a cluster, log and resume them."""
