"""Posts usage events with Python's standard library.

A lost answer is no problem: the same id counts once, so it is sent again.
"""

import http.client
import json
import os
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone
from decimal import Decimal


def post_usage(events, attempts=6):
    """Posts up to 1000 events; the same events again after anything that may pass."""
    request = urllib.request.Request(
        os.environ["METERGATE_URL"] + "/v1/usage",
        data=json.dumps(events).encode(),
        headers={
            "Authorization": "Bearer " + os.environ["METERGATE_KEY"],
            "Content-Type": "application/json",
        },
    )
    for attempt in range(attempts):
        if attempt > 0:
            time.sleep(0.5 * 2 ** (attempt - 1))
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            if error.code != 429 and error.code < 500:
                raise SystemExit(f"Metergate refused the usage: {error.read().decode()}")
        except (OSError, http.client.HTTPException):  # no connection, a broken one, or no answer in time
            pass
    raise SystemExit("Metergate cannot be reached; keep the events, and post them later.")


event = {
    "id": str(uuid.uuid4()),  # made once, where the usage happens, and kept for every retry
    "customer": os.environ["CUSTOMER"],
    "dimension": os.environ["DIMENSION"],
    "quantity": str(Decimal("1.5")),  # a string keeps every decimal
    "timestamp": datetime.now(timezone.utc).isoformat(),
}
print(json.dumps(post_usage([event])))
