"""What Schemathesis is told about this API beyond the OpenAPI document.

Everything that the document can say, it says. What is here depends on more than one request: on the clock, on what is
stored, on other fields, on where a name leads. Each such rule is named with its reason, and excuses nothing else.
"""

import json

import schemathesis
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)

# Why a well-formed request may be refused because of this parameter or this member of the body.
DEPENDS = {
    "cursor": "opaque: only those that a list gave out are good",
    "after": "opaque, like cursor",
    "since": "opaque, like cursor",
    "all": "exactly one topic is followed, and parameters can not say so",
    "from": "not later than the other end of the range",
    "to": "not earlier than the other end of the range",
    "created_after": "not later than the other end of the range",
    "created_before": "not earlier than the other end of the range",
    "timezone": "a name of the IANA database, which changes",
    "scheduled_at": "not in the past",
    "expires_at": "not in the past, and later than scheduled_at",
    "occurred_at": "not in the future",
    "time": "not in the future",
    "recipient": "what an address is depends on the channel, and where a URL leads on the network",
    "address": "likewise",
    "url": "where it leads depends on the network",
    "content": "its bounds depend on the channel, and it is required only without a template",
    "html": "for e-mail only",
    "template_id": "of a template that is stored",
    "template_variables": "those that the stored template uses",
    "recipient_id": "recipient_id or message_id has to be given",
    "subject": "the recipient of a CloudEvent, which may also be in its data",
    "provider": "angaros itself may not be imitated",
    "source": "likewise",
    "channel": "data of a CloudEvent is open, but has the event's own members",
    "body": "a template has to have the right syntax",
}


def excused(response):
    """Whether everything that was refused is among what depends on more than the request."""
    try:
        problem = json.loads(response.content)
    except ValueError:
        return False
    faults = problem.get("errors") or []
    return bool(faults) and all(map(is_excused, faults))


def is_excused(fault):
    names = [fault["parameter"]] if "parameter" in fault else fault.get("pointer", "").split("/")[1:]
    return any(name in DEPENDS for name in names)


@schemathesis.check
def what_fits_is_accepted(ctx, response, case):
    """As positive_data_acceptance, but for what depends on more than the request."""
    try:
        return positive_data_acceptance(ctx, response, case)
    except AssertionError:
        if response.status_code in (400, 422) and excused(response):
            return None
        raise


@schemathesis.check
def what_does_not_fit_is_refused(ctx, response, case):
    """As negative_data_rejection, but where a fault is answered in another way than by the status."""
    try:
        return negative_data_rejection(ctx, response, case)
    except AssertionError:
        label = case.operation.label
        # With `partial` each event is answered by itself: the faulty one must be reported as such.
        if label == "POST /api/v1/events/bulk" and '"invalid"' in response.text:
            return None
        # Lines are answered one by one as well.
        if case.media_type == "application/x-ndjson" and '"invalid"' in response.text:
            return None
        # Without any of the parameters that ask for events it is what Prometheus reads, with whatever it adds.
        if label == "GET /metrics" and response.headers.get("content-type", [""])[0].startswith("text/plain"):
            return None
        raise


@schemathesis.serializer("application/x-ndjson")
def lines(ctx, value):
    """The document shows lines as one text."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", errors="surrogatepass")


@schemathesis.deserializer("application/x-ndjson")
def first_line(ctx, response):
    """Every line has the same schema."""
    text = response.content.decode()
    return json.loads(text.splitlines()[0]) if text.strip() else {"line": 1, "status": "created"}
